"""Distance of images in the features of an untrained network, which needs no weights file.

The network's weights are drawn from a seed. At each of four scales, halved by the mean of 2x2
pixels, it has two convolutions of 32 channels, 5x5 and 3x3, each followed by a ReLU. As in LPIPS
(arXiv 1801.03924), features are scaled to unit norm and the squared differences are averaged. That
paper also finds that untrained networks agree with people better than PSNR, and worse than trained
networks. Four fifths of each first kernel's mean over the window is subtracted, so that features
respond to edges and texture more than to flat colour.

Limits: it knows neither objects nor skin, its numbers cannot be compared with those of a trained
metric, it hardly responds to contrast, and much less to colour than to detail. Use it in addition
to delta E, not instead.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from cinegan_jax.core.types import Images
from cinegan_jax.metrics.image_checks import checked_images
from cinegan_jax.nets.lpips_backbones import whole_windows

_SCALES = 4
_CHANNELS = 32
_WINDOWS = (5, 3)
"""Sides of the two convolutions, in pixels; only windows wholly inside the image count."""
_SMALLEST_FEATURE_SIDE = sum(_WINDOWS) - 1
"""Side in which both windows, one after the other, fit once."""
SMALLEST_SIDE = _SMALLEST_FEATURE_SIDE * 2 ** (_SCALES - 1)
"""Shortest side of images that have a distance, in pixels."""

_SEED = 0
_MEAN_TAKEN_OFF = 0.8
_FLAT = 0.1
"""Added to norms, so that faint noise in flat areas is not scaled up to texture."""


@functools.partial(jax.jit, static_argnames="ignore_nans")
def random_feature_distance(
    images: Images, references: Images, *, ignore_nans: bool = False
) -> jax.Array:
    """Compute the mean squared difference of an untrained network's unit features; see the module.

    It grows with blur, noise, JPEG artefacts, colour casts and shifts. It is the same on every
    platform but for rounding.

    Args:
        images: unit [n, h, w, 3], both sides at least `SMALLEST_SIDE`.
        references: unit [n, h, w, 3].
        ignore_nans: treat pixels that are NaN, at the bottom and right, as padding and leave out
            windows that touch them, instead of scoring NaN.

    Returns:
        float32 [n], below 2; 0 for equal images but for rounding.

    Raises:
        ValueError: a side is too short, or as `checked_images`.
    """
    images, references = checked_images(
        "random feature distance", images, references, smallest_side=SMALLEST_SIDE
    )
    missing = jnp.isnan(images + references).any(axis=-1, keepdims=True)
    # Each by its own NaNs: under vmap one reference's features then serve many images.
    images, references = jnp.nan_to_num(images), jnp.nan_to_num(references)
    inside, distance = ~missing, jnp.zeros(len(images))
    for _ in range(_SCALES):
        distance += _distance_at_one_scale(images, references, inside) / _SCALES
        images, references = _halve(images), _halve(references)
        inside = whole_windows(inside, 2, stride=2)
    return distance if ignore_nans else jnp.where(missing.any(axis=(1, 2, 3)), jnp.nan, distance)


@jax.jit
def random_features(images: Images) -> jax.Array:
    """Compute the means of an untrained network's unit features over each image; see the module.

    They describe the colours, edges and textures of an image, not their places. Distances of sets
    (`frechet_distance`, `kid`) in these features may be called neither FID nor KID.

    Args:
        images: unit [n, h, w, 3], both sides at least `_SMALLEST_FEATURE_SIDE`.

    Returns:
        float32 [n, d], with d of 64 for each scale at which both windows fit into the image.

    Raises:
        ValueError: a side is too short.
    """
    if min(images.shape[1:3]) < _SMALLEST_FEATURE_SIDE:
        raise ValueError(
            f"random features need sides of {_SMALLEST_FEATURE_SIDE} or more, got {images.shape}"
        )
    means, scaled = [], jnp.asarray(images)
    for _ in range(_SCALES):
        if min(scaled.shape[1:3]) < _SMALLEST_FEATURE_SIDE:
            break
        features = 2 * scaled - 1
        for kernel in _kernels():
            features = _convolve(features, kernel)
            means.append(jnp.mean(_unit(features), axis=(1, 2)))
        scaled = _halve(scaled)
    return jnp.concatenate(means, axis=-1)


def _distance_at_one_scale(
    images: jax.Array, references: jax.Array, inside: jax.Array
) -> jax.Array:
    features, others = 2 * images - 1, 2 * references - 1
    distance = jnp.zeros(len(images))
    for kernel in _kernels():
        features, others = _convolve(features, kernel), _convolve(others, kernel)
        inside = whole_windows(inside, len(kernel))
        squares = jnp.sum(jnp.square(_unit(features) - _unit(others)), axis=-1)
        distance += jnp.mean(squares, axis=(1, 2), where=inside[..., 0])
    return distance / len(_WINDOWS)


def _convolve(features: jax.Array, kernel: np.ndarray) -> jax.Array:
    convolved = jax.lax.conv_general_dilated(
        features,
        jnp.asarray(kernel),
        window_strides=(1, 1),
        padding="VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        precision="highest",
    )
    return jax.nn.relu(convolved)


def _unit(features: jax.Array) -> jax.Array:
    squares = jnp.sum(jnp.square(features), axis=-1, keepdims=True)
    return features / jnp.sqrt(squares + _FLAT**2)


def _halve(images: jax.Array) -> jax.Array:
    """Return the mean of each whole 2x2 square; an odd last row or column is left out."""
    square = (1, 2, 2, 1)
    return jax.lax.reduce_window(images, 0.0, jax.lax.add, square, square, "VALID") / 4


@functools.cache
def _kernels() -> tuple[np.ndarray, ...]:
    """Return float32 [5, 5, 3, 32] and [3, 3, 32, 32], scaled to preserve a ReLU's activations."""
    # numpy promises never to change the streams of RandomState (NEP 19).
    state, inputs, kernels = np.random.RandomState(_SEED), 3, []
    for window in _WINDOWS:
        kernel = state.standard_normal((window, window, inputs, _CHANNELS))
        kernels.append(kernel * np.sqrt(2 / (window**2 * inputs)))
        inputs = _CHANNELS
    kernels[0] -= _MEAN_TAKEN_OFF * kernels[0].mean(axis=(0, 1), keepdims=True)
    return tuple(kernel.astype(np.float32) for kernel in kernels)
