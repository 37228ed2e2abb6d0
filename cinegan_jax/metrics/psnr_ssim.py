"""PSNR and SSIM of images against their references."""

import functools
import operator
from collections.abc import Iterable

import dm_pix
import jax
import numpy as np

from cinegan_jax.core.types import Images
from cinegan_jax.metrics.image_checks import checked_images

SSIM_WINDOW = 11
"""Side of SSIM's Gaussian window in pixels; smaller images have no SSIM."""
_SIGMA = 1.5
"""Standard deviation of the Gaussian window, in pixels."""


@functools.partial(jax.jit, static_argnames="ignore_nans")
def psnr(images: Images, references: Images, *, ignore_nans: bool = False) -> jax.Array:
    """Compute the peak signal-to-noise ratio over all pixels and channels, for a data range of 1.

    Equal images score infinity.

    Args:
        images: unit [n, h, w, 3].
        references: unit [n, h, w, 3].
        ignore_nans: leave out pixels that are NaN, such as padding, instead of scoring NaN.

    Returns:
        float [n], in decibels.

    Raises:
        ValueError: as `checked_images`.
    """
    return dm_pix.psnr(*checked_images("PSNR", images, references), ignore_nans=ignore_nans)


@functools.partial(jax.jit, static_argnames="ignore_nans")
def ssim(images: Images, references: Images, *, ignore_nans: bool = False) -> jax.Array:
    """Compute structural similarity (Wang, Bovik, Sheikh and Simoncelli, IEEE TIP 13(4), 2004).

    The Gaussian window has 11x11 pixels and a sigma of 1.5, the data range is 1, and the mean over
    channels is taken. Only windows that lie wholly inside the image count, as in scikit-image and
    torchmetrics.

    Args:
        images: unit [n, h, w, 3], both sides at least 11.
        references: unit [n, h, w, 3].
        ignore_nans: leave out windows that meet a NaN, such as padding, instead of scoring NaN.

    Returns:
        float [n], at most 1.

    Raises:
        ValueError: a side is shorter than the window, or as `checked_images`.
    """
    pair = checked_images("SSIM", images, references, smallest_side=SSIM_WINDOW)
    return dm_pix.ssim(*pair, filter_fn=_gaussian_means, ignore_nans=ignore_nans)


def _gaussian_means(images: jax.Array) -> jax.Array:
    """Return the weighted mean of each whole window: [n, h, w, c] to [n, h - 10, w - 10, c].

    Rows are summed, then columns, as shifted arrays: on a CPU that takes a third of the time of
    dm_pix's own convolutions.
    """
    n, height, width, channels = images.shape
    bottom, right = height - SSIM_WINDOW + 1, (width - SSIM_WINDOW + 1) * channels
    flat = images.reshape(n, height, width * channels)
    rows = _weighted_sum(flat[:, i : i + bottom] for i in range(SSIM_WINDOW))
    means = _weighted_sum(
        rows[:, :, i * channels : i * channels + right] for i in range(SSIM_WINDOW)
    )
    return means.reshape(n, bottom, right // channels, channels)


def _weighted_sum(shifted: Iterable[jax.Array]) -> jax.Array:
    """Return the Gaussian-weighted mean of the eleven shifts along one axis."""
    offsets = np.arange(SSIM_WINDOW) - SSIM_WINDOW // 2
    weights = np.exp(-0.5 * (offsets / _SIGMA) ** 2)
    weights /= weights.sum()
    terms = (float(weight) * term for weight, term in zip(weights, shifted, strict=True))
    return functools.reduce(operator.add, terms)
