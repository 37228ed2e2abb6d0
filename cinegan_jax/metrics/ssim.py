"""Structural similarity (Wang, Bovik, Sheikh and Simoncelli, IEEE TIP 13(4), 2004)."""

import dm_pix
import jax

from cinegan_jax.types import Images

WINDOW = 11
"""Side of the Gaussian window in pixels; smaller pictures have no SSIM."""


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
        ValueError: a side is shorter than the window.
    """
    height, width = images.shape[-3:-1]
    if min(height, width) < WINDOW:
        raise ValueError(
            f"SSIM needs pictures of at least {WINDOW}x{WINDOW} pixels, got {height}x{width}"
        )
    return dm_pix.ssim(
        images, references, filter_size=WINDOW, filter_sigma=1.5, ignore_nans=ignore_nans
    )
