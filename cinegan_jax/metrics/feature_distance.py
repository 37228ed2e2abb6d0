"""Distance of pictures in the features of an untrained network: no weights file is needed.

The network is drawn from a seed: at each of four scales, halved by the mean of 2x2 pixels, two
convolutions of 32 channels, 5x5 and 3x3, each followed by a ReLU. As in LPIPS (arXiv 1801.03924,
which also finds untrained networks to agree with people better than PSNR does, and worse than
trained ones), features are scaled to unit norm and the squared differences are averaged. Four
fifths of each first kernel's mean over the window is taken off, so that features tell edges and
texture more than flat colour.

Limits: it knows no objects and no skin, its numbers compare with no trained metric's, and it is
nearly blind to contrast and much less sensitive to colour than to detail. Put it beside delta E,
never in its place.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from cinegan_jax.core.types import Images
from cinegan_jax.metrics.image_checks import checked
from cinegan_jax.nets.lpips_backbones import whole_windows

SCALES = 4
CHANNELS = 32
WINDOWS = (5, 3)
"""Of the two convolutions, in pixels; only windows that lie wholly inside the picture count."""
SMALLEST_WINDOWED = sum(WINDOWS) - 1
"""The side into which both windows, one after the other, fit once."""
SMALLEST_SIDE = SMALLEST_WINDOWED * 2 ** (SCALES - 1)

_SEED = 0
_MEAN_TAKEN_OFF = 0.8
_FLAT = 0.1
"""Added to norms, so that the faint noise of a flat place is not scaled up to texture."""


@functools.partial(jax.jit, static_argnames="ignore_nans")
def random_feature_distance(
    images: Images, references: Images, *, ignore_nans: bool = False
) -> jax.Array:
    """Mean squared difference of unit features of an untrained network; see the module.

    Grows with blur, noise, JPEG's loss, colour casts and shifts. The same on every platform but for
    rounding.

    Args:
        images: unit [n, h, w, 3], both sides at least `SMALLEST_SIDE`.
        references: unit [n, h, w, 3].
        ignore_nans: take pixels that are NaN, at the bottom and right, for padding and leave out
            what meets them, instead of scoring NaN.

    Returns:
        float32 [n], below 2; 0 for equal pictures but for rounding.

    Raises:
        ValueError: a side is too short, or as `checked`.
    """
    images, references = checked(
        "random feature distance", images, references, smallest_side=SMALLEST_SIDE
    )
    missing = jnp.isnan(images + references).any(axis=-1, keepdims=True)
    # Each by its own NaNs, so that under vmap one reference's features serve many images.
    images, references = jnp.nan_to_num(images), jnp.nan_to_num(references)
    inside, distance = ~missing, jnp.zeros(len(images))
    for _ in range(SCALES):
        distance += _distance_at_one_scale(images, references, inside) / SCALES
        images, references = _halve(images), _halve(references)
        inside = whole_windows(inside, 2, stride=2)
    return distance if ignore_nans else jnp.where(missing.any(axis=(1, 2, 3)), jnp.nan, distance)


@jax.jit
def random_features(images: Images) -> jax.Array:
    """The means of an untrained network's unit features over each picture; see the module.

    They describe a picture for the distances of sets (`frechet`, `kid`), which may then be called
    neither FID nor KID: colours, edges and textures, not where they lie.

    Args:
        images: unit [n, h, w, 3], both sides at least `SMALLEST_WINDOWED`.

    Returns:
        float32 [n, d], with d of 64 for each scale at which both windows fit into the picture.

    Raises:
        ValueError: a side is too short.
    """
    if min(images.shape[1:3]) < SMALLEST_WINDOWED:
        raise ValueError(
            f"random features need sides of {SMALLEST_WINDOWED} or more, got {images.shape}"
        )
    means, pictures = [], jnp.asarray(images)
    for _ in range(SCALES):
        if min(pictures.shape[1:3]) < SMALLEST_WINDOWED:
            break
        features = 2 * pictures - 1
        for kernel in _kernels():
            features = _convolve(features, kernel)
            means.append(jnp.mean(_unit(features), axis=(1, 2)))
        pictures = _halve(pictures)
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
    return distance / len(WINDOWS)


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


def _halve(pictures: jax.Array) -> jax.Array:
    """The mean of each whole 2x2 square; an odd last row or column is left out."""
    square = (1, 2, 2, 1)
    return jax.lax.reduce_window(pictures, 0.0, jax.lax.add, square, square, "VALID") / 4


@functools.cache
def _kernels() -> tuple[np.ndarray, ...]:
    """float32 [5, 5, 3, 32] and [3, 3, 32, 32], of the scale that keeps a ReLU's activations."""
    # numpy promises never to change the streams of RandomState (NEP 19).
    state, inputs, kernels = np.random.RandomState(_SEED), 3, []
    for window in WINDOWS:
        kernel = state.standard_normal((window, window, inputs, CHANNELS))
        kernels.append(kernel * np.sqrt(2 / (window**2 * inputs)))
        inputs = CHANNELS
    kernels[0] -= _MEAN_TAKEN_OFF * kernels[0].mean(axis=(0, 1), keepdims=True)
    return tuple(kernel.astype(np.float32) for kernel in kernels)
