"""Compiled functions that apply a network to one photo of any size."""

import functools
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cinegan_jax.core.types import Images, Params
from cinegan_jax.inference.colour_path import colour_path_in_bands
from cinegan_jax.inference.look import apply_generator
from cinegan_jax.inference.statistics import LayerStatistics, apply_with, measure
from cinegan_jax.nets.res_unet import ResUnetGenerator
from cinegan_jax.ops.images import to_uint8

GENERATOR_STRIDE = 8
"""Both sides of a generator's input must be multiples of this."""

BUCKET = 64
"""Sides are padded to multiples of this by default, so that few shapes are compiled."""

Generate = Callable[[np.ndarray], np.ndarray]
"""Function from a photo, uint8 [h, w, 3] of any size, to an image of the same shape and type."""


def make_generate(
    apply: Callable[[Any, Images], Images], params: Any, *, bucket: int = BUCKET
) -> Generate:
    """Bind parameters to a network and let it take photos of any size.

    The photo is padded by reflection at the bottom and right to the next multiple of `bucket`, and
    the result is cropped; a photo of such a size is not padded. One program is compiled for each
    padded size. Reflection keeps the padding's colours close to the photo's, but instance
    normalisation and squeeze-and-excitation take their means over the padded photo and so count the
    reflected strip, at most `bucket - 1` pixels wide, twice. A smaller bucket, down to the
    network's stride, reduces this bias and compiles more programs.

    Args:
        apply: (params, uint8 [n, h, w, 3]) -> signed [n, h, w, 3]; traced by `jax.jit`.
        params: tree of arrays, the first argument of `apply`; copied to each device that is used.
        bucket: a multiple of the network's stride, in pixels.

    Returns:
        A function of one photo. It runs on the default device (`jax.default_device`) and rounds
        there, so that only uint8 is transferred.
    """

    @functools.cache
    def params_on(device: jax.Device) -> Any:
        return jax.device_put(params, device)

    @jax.jit
    def apply_rounded(params: Any, photos: jax.Array) -> jax.Array:
        return to_uint8(apply(params, photos))

    def generate(photo: np.ndarray) -> np.ndarray:
        height, width = photo.shape[:2]
        padded = jnp.asarray(pad_to_multiple(photo, bucket)[None])
        return np.asarray(apply_rounded(params_on(padded.device), padded)[0])[:height, :width]

    return generate


@partial(jax.jit, static_argnums=0)
def run_generator(generator: ResUnetGenerator, kernels: Params, photo: jax.Array) -> jax.Array:
    """Apply a generator to one photo: unit [h, w, 3] to unit [h, w, 3], not clipped."""
    with colour_path_in_bands():
        return _to_unit(apply_generator(generator, kernels, _to_signed(photo)))


@partial(jax.jit, static_argnums=0)
def measure_statistics(
    generator: ResUnetGenerator, kernels: Params, photo: jax.Array
) -> LayerStatistics:
    """Measure the layer statistics of a whole photo, unit [h, w, 3]."""
    with colour_path_in_bands():
        return measure(generator, kernels, _to_signed(photo))


@partial(jax.jit, static_argnums=0)
def run_generator_on_part(
    generator: ResUnetGenerator, kernels: Params, statistics: LayerStatistics, part: jax.Array
) -> jax.Array:
    """Apply a generator to a part of a photo, unit [h, w, 3], with the whole photo's statistics."""
    with colour_path_in_bands():
        return _to_unit(apply_with(generator, kernels, statistics, _to_signed(part)))


def pad_to_multiple(photo: np.ndarray, multiple: int) -> np.ndarray:
    """Pad [h, w, 3] by reflection at the bottom and right to sides divisible by `multiple`."""
    height, width = photo.shape[:2]
    return np.pad(photo, [(0, -height % multiple), (0, -width % multiple), (0, 0)], mode="reflect")


def _to_signed(photo: jax.Array) -> jax.Array:
    return 2.0 * photo[None] - 1.0


def _to_unit(images: jax.Array) -> jax.Array:
    return (images[0] + 1.0) / 2.0
