"""Parameters that are set before the first step, in closed form from the training pairs."""

from dataclasses import replace
from functools import partial

import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict

from cinegan_jax.data.pairs import PairSource
from cinegan_jax.data.pixel_sample import sample_pixels
from cinegan_jax.families.api import GanFamily
from cinegan_jax.training.state import TrainState
from cinegan_jax.types import Params


def with_fitted_parameters(
    family: GanFamily, pairs: PairSource, seed: int, fresh: TrainState
) -> TrainState:
    """A fresh state with what the family fits to pixels of the training pairs.

    Every process fits the same. The average of a player gets the same values.

    Raises:
      UserError: no pair could be read.
    """
    fitted = family.fitted(partial(sample_pixels, pairs, seed=seed))
    params, ema = dict(fresh.params), dict(fresh.ema)
    for player, values in fitted.items():
        params[player] = _merged(params[player], values)
        if player in ema:
            ema[player] = _merged(ema[player], values)
    return replace(fresh, params=params, ema=ema)


def _merged(params: Params, values: Params) -> Params:
    """`values` in their places; copies, since the buffers of a state are donated."""
    copies = {path: jnp.array(value) for path, value in flatten_dict(dict(values)).items()}
    return unflatten_dict(flatten_dict(dict(params)) | copies)
