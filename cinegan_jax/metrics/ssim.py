"""Structural similarity (Wang, Bovik, Sheikh and Simoncelli, IEEE TIP 13(4), 2004)."""

import functools
import operator
from collections.abc import Iterable

import dm_pix
import jax
import numpy as np

from cinegan_jax.core.types import Images
from cinegan_jax.metrics.image_checks import checked

WINDOW = 11
"""Side of the Gaussian window in pixels; smaller pictures have no SSIM."""
SIGMA = 1.5
"""Of the Gaussian window, in pixels."""


@functools.partial(jax.jit, static_argnames="ignore_nans")
def ssim(images: Images, references: Images, *, ignore_nans: bool = False) -> jax.Array:
    """SSIM of each picture: 11x11 Gaussian window of sigma 1.5, data range 1, mean over channels.

    Only windows that lie wholly inside the picture count, as in scikit-image and torchmetrics.

    Args:
        images: unit [n, h, w, 3], both sides at least 11.
        references: unit [n, h, w, 3].
        ignore_nans: leave out windows that meet a NaN, such as padding, instead of scoring NaN.

    Returns:
        float [n], at most 1.

    Raises:
        ValueError: a side is shorter than the window, or as `checked`.
    """
    pair = checked("SSIM", images, references, smallest_side=WINDOW)
    return dm_pix.ssim(*pair, filter_fn=_gaussian_means, ignore_nans=ignore_nans)


def _gaussian_means(images: jax.Array) -> jax.Array:
    """Weighted mean of each whole window: [n, h, w, c] to [n, h - 10, w - 10, c].

    Rows are summed, then columns, as shifted arrays: on a CPU that takes a third of the time of
    dm_pix's own convolutions.
    """
    n, height, width, channels = images.shape
    bottom, right = height - WINDOW + 1, (width - WINDOW + 1) * channels
    flat = images.reshape(n, height, width * channels)
    rows = _weighted_sum(flat[:, i : i + bottom] for i in range(WINDOW))
    means = _weighted_sum(rows[:, :, i * channels : i * channels + right] for i in range(WINDOW))
    return means.reshape(n, bottom, right // channels, channels)


def _weighted_sum(shifted: Iterable[jax.Array]) -> jax.Array:
    """The Gaussian-weighted mean of an axis' eleven shifts."""
    offsets = np.arange(WINDOW) - WINDOW // 2
    weights = np.exp(-0.5 * (offsets / SIGMA) ** 2)
    weights /= weights.sum()
    terms = (float(weight) * term for weight, term in zip(weights, shifted, strict=True))
    return functools.reduce(operator.add, terms)
