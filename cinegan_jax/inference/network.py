"""The generator as compiled functions of one photo, in unit range or uint8, at any size."""

import functools
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cinegan_jax.core.types import Images, Params
from cinegan_jax.inference.look import apply_generator
from cinegan_jax.inference.statistics import Statistics, apply_with, measure
from cinegan_jax.nets.res_unet import ResUnetGenerator
from cinegan_jax.ops.images import to_uint8

STRIDE = 8
"""Sides of what the generator takes are multiples of this."""


@partial(jax.jit, static_argnums=0)
def generate(generator: ResUnetGenerator, kernels: Params, photo: jax.Array) -> jax.Array:
    """Unit [h, w, 3] to unit [h, w, 3], not clipped."""
    return _unit(apply_generator(generator, kernels, _signed(photo)))


@partial(jax.jit, static_argnums=0)
def measure_statistics(
    generator: ResUnetGenerator, kernels: Params, photo: jax.Array
) -> Statistics:
    """What the generator's layers take from all of a photo, unit [h, w, 3]."""
    return measure(generator, kernels, _signed(photo))


@partial(jax.jit, static_argnums=0)
def generate_part(
    generator: ResUnetGenerator, kernels: Params, statistics: Statistics, part: jax.Array
) -> jax.Array:
    """`generate` of a part of the photo whose statistics they are."""
    return _unit(apply_with(generator, kernels, statistics, _signed(part)))


def _signed(photo: jax.Array) -> jax.Array:
    return 2.0 * photo[None] - 1.0


def _unit(images: jax.Array) -> jax.Array:
    return (images[0] + 1.0) / 2.0


Generate = Callable[[np.ndarray], np.ndarray]
"""A photo, uint8 [h, w, 3], to a picture of the same shape and type."""

BUCKET = 64
"""Sides are padded to multiples of this, so that few shapes are ever compiled."""


def make_generate(
    apply: Callable[[Any, Images], Images], params: Any, *, bucket: int = BUCKET
) -> Generate:
    """Binds parameters to a network and lets it take photos of any size.

    The photo is continued by reflection at its bottom and right to the next multiple of `bucket`,
    and the picture is cropped back; a photo that fits already is left alone. One program is
    compiled for each padded size. Reflection keeps the padding's colours close to the photo's,
    but instance normalisation and squeeze-excitation take their means over the padded photo: what
    lies in the reflected strip counts twice. The strip is at most `bucket - 1` pixels wide, and
    sides that are multiples of `bucket` make it vanish. A smaller bucket, down to the network's
    own stride, trades that bias for more compilations.

    Args:
        apply: (params, uint8 [n, h, w, 3]) -> signed [n, h, w, 3]; traced by `jax.jit`.
        params: a tree of arrays, what `apply` takes first; kept on each device that is used.
        bucket: a multiple of the network's stride, in pixels.

    Returns:
        A function of one photo. It runs on the default device (`jax.default_device`) and rounds
        there, so that only uint8 crosses the wire.
    """

    @functools.cache
    def params_on(device: jax.Device) -> Any:
        return jax.device_put(params, device)

    @jax.jit
    def develop(params: Any, photos: jax.Array) -> jax.Array:
        return to_uint8(apply(params, photos))

    def generate(photo: np.ndarray) -> np.ndarray:
        height, width = photo.shape[:2]
        padded = jnp.asarray(pad_to_multiple(photo, bucket)[None])
        return np.asarray(develop(params_on(padded.device), padded)[0])[:height, :width]

    return generate


def pad_to_multiple(photo: np.ndarray, multiple: int) -> np.ndarray:
    """Continues [h, w, 3] by reflection at bottom and right, to sides divisible by `multiple`."""
    height, width = photo.shape[:2]
    return np.pad(photo, [(0, -height % multiple), (0, -width % multiple), (0, 0)], mode="reflect")
