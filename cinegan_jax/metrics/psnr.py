"""Peak signal-to-noise ratio."""

import dm_pix
import jax

from cinegan_jax.types import Images


def psnr(images: Images, references: Images, *, ignore_nans: bool = False) -> jax.Array:
    """PSNR of each picture in decibels, over all its pixels and channels, for a data range of 1.

    Equal pictures score infinity.

    Args:
        images: unit [n, h, w, 3].
        references: unit [n, h, w, 3].
        ignore_nans: leave out pixels that are NaN, such as padding, instead of scoring NaN.

    Returns:
        float [n].
    """
    return dm_pix.psnr(images, references, ignore_nans=ignore_nans)
