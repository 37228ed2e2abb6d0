"""The generator on one picture in unit range, compiled once for looks of one architecture."""

from functools import partial

import jax

from cinegan_jax.inference.statistics import Statistics, apply_with, measure
from cinegan_jax.inference.trained_look import apply_generator
from cinegan_jax.nets.res_unet import Generator
from cinegan_jax.types import Params

STRIDE = 8
"""Sides of what the generator takes are multiples of this."""


@partial(jax.jit, static_argnums=0)
def generate(generator: Generator, kernels: Params, photo: jax.Array) -> jax.Array:
    """Unit [h, w, 3] to unit [h, w, 3], not clipped."""
    return _unit(apply_generator(generator, kernels, _signed(photo)))


@partial(jax.jit, static_argnums=0)
def measure_statistics(generator: Generator, kernels: Params, photo: jax.Array) -> Statistics:
    """What the generator's layers take from all of a photo, unit [h, w, 3]."""
    return measure(generator, kernels, _signed(photo))


@partial(jax.jit, static_argnums=0)
def generate_part(
    generator: Generator, kernels: Params, statistics: Statistics, part: jax.Array
) -> jax.Array:
    """`generate` of a part of the photo whose statistics they are."""
    return _unit(apply_with(generator, kernels, statistics, _signed(part)))


def _signed(photo: jax.Array) -> jax.Array:
    return 2.0 * photo[None] - 1.0


def _unit(images: jax.Array) -> jax.Array:
    return (images[0] + 1.0) / 2.0
