"""Distance of pictures in the features of an untrained network."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from cinegan_jax.metrics.shapes import checked
from cinegan_jax.types import Images

SCALES = 4
CHANNELS = 64
SMALLEST_SIDE = 7 * 2 ** (SCALES - 1)


@functools.partial(jax.jit, static_argnames="ignore_nans")
def random_feature_distance(
    images: Images, references: Images, *, ignore_nans: bool = False
) -> jax.Array:
    """Draft: distance of unit-normalised features of random convolutions at four scales."""
    images, references = checked(
        "random feature distance", images, references, smallest_side=SMALLEST_SIDE
    )
    total = jnp.zeros(images.shape[0])
    for _ in range(SCALES):
        total += _at_scale(images, references, ignore_nans)
        images, references = _halve(images), _halve(references)
    return total / SCALES


def _at_scale(images: jax.Array, references: jax.Array, ignore_nans: bool) -> jax.Array:
    first, second = _kernels()
    total = jnp.zeros(images.shape[0])
    pair = images * 2 - 1, references * 2 - 1
    mean = jnp.nanmean if ignore_nans else jnp.mean
    for kernel in (first, second):
        pair = jax.nn.relu(_convolve(pair[0], kernel)), jax.nn.relu(_convolve(pair[1], kernel))
        difference = _unit(pair[0]) - _unit(pair[1])
        total += mean(jnp.sum(jnp.square(difference), -1), axis=(1, 2))
    return total / 2


def _convolve(x: jax.Array, kernel: np.ndarray) -> jax.Array:
    return jax.lax.conv_general_dilated(
        x,
        jnp.asarray(kernel),
        (1, 1),
        "VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        precision="highest",
    )


def _unit(features: jax.Array) -> jax.Array:
    return features / (jnp.linalg.norm(features, axis=-1, keepdims=True) + 0.1)


def _halve(x: jax.Array) -> jax.Array:
    return jax.lax.reduce_window(x, 0.0, jax.lax.add, (1, 2, 2, 1), (1, 2, 2, 1), "VALID") / 4


@functools.cache
def _kernels() -> tuple[np.ndarray, np.ndarray]:
    # numpy promises that the streams of RandomState never change (NEP 19).
    state = np.random.RandomState(0)
    first = state.standard_normal((5, 5, 3, CHANNELS)) * np.sqrt(2 / 75)
    second = state.standard_normal((3, 3, CHANNELS, CHANNELS)) * np.sqrt(2 / 576)
    return first.astype(np.float32), second.astype(np.float32)
