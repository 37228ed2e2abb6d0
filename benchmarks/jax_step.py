"""The CineGAN step of this project, on data that is already on the device."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from cinegan_jax.families.cinegan import CineGan, LossWeights
from cinegan_jax.nets.patchgan import PatchDiscriminator
from cinegan_jax.nets.res_unet import ResUnetGenerator
from cinegan_jax.nets.vgg19 import Vgg19Weights, vgg19_shapes
from cinegan_jax.training.gradients import metric_names
from cinegan_jax.training.optimizers import AdamSettings, make_adam
from cinegan_jax.training.state import TrainState, init_state
from cinegan_jax.training.step import StepSettings, make_train_step

DTYPES = {"f32": jnp.float32, "bf16": jnp.bfloat16}


def build(
    width: int, blocks: int, perceptual: float, precision: str, batch: dict[str, np.ndarray]
) -> tuple[TrainState, Vgg19Weights | None, Callable[..., TrainState]]:
    """Return a fresh state, VGG19 with random weights, and the step."""
    dtype = DTYPES[precision]
    family = CineGan(
        ResUnetGenerator(width=width, num_blocks=blocks, dtype=dtype),
        PatchDiscriminator(width=width, dtype=dtype),
        LossWeights(perceptual=perceptual),
        vgg19_file="",
    )
    rates = {"generator": 5e-5, "discriminator": 1e-4}
    optimizers = {player: make_adam(AdamSettings(rate), 100) for player, rate in rates.items()}
    vgg = jax.tree.map(_random, vgg19_shapes()) if perceptual else None
    names = metric_names(family, vgg, batch)
    state = jax.jit(partial(init_state, family, optimizers, names, 0, batch, False))()
    return state, vgg, make_train_step(family, optimizers, StepSettings())


def _random(shape: jax.ShapeDtypeStruct) -> jax.Array:
    return jnp.asarray(np.random.default_rng(0).normal(0, 0.03, shape.shape), shape.dtype)


def count_parameters(state: TrainState) -> int:
    """Count the parameters of all trained networks."""
    return sum(leaf.size for leaf in jax.tree.leaves(state.params))
