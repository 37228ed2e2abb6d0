from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest
from flax.traverse_util import flatten_dict


@pytest.fixture
def copy_to_keras() -> Callable[[Any, Any], None]:
    """Set a Keras model's parameters from a Flax tree; layer `a-b` takes those at `a/b`."""

    def copy(params: Any, model: Any) -> None:
        layers = {}
        for path, leaf in flatten_dict(params).items():
            layers.setdefault("-".join(path[:-1]), {})[path[-1]] = leaf
        for name, leaves in layers.items():
            layer = model.get_layer(name)
            getattr(layer, "layer", layer).set_weights(
                [leaves[part] for part in ("scale", "kernel", "bias") if part in leaves]
            )
        copied = sum(leaf.size for leaf in jax.tree.leaves(params))
        assert copied == sum(int(np.prod(w.shape)) for w in model.trainable_weights)

    return copy
