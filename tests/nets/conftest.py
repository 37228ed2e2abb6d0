import jax
import numpy as np
import pytest
from flax.traverse_util import flatten_dict


@pytest.fixture
def random_params(rng):
    """Parameters of a module at which every leaf, norm scales and biases too, is random."""

    def make(module, *inputs):
        params = jax.eval_shape(module.init, jax.random.key(0), *inputs)["params"]
        return jax.tree_util.tree_map_with_path(draw, params)

    def draw(path, leaf):
        noise = rng.normal(size=leaf.shape).astype(np.float32)
        match path[-1].key:
            case "kernel":
                return noise / np.sqrt(np.prod(leaf.shape[:-1]))
            case "scale":
                return 1 + 0.3 * noise
            case "bias":
                return 0.3 * noise

    return make


@pytest.fixture
def copy_to_keras():
    """Give a Keras model the parameters of a flax tree; layer `a-b` takes those at `a/b`."""

    def copy(params, model):
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
