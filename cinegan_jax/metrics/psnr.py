"""Peak signal-to-noise ratio."""

import functools

import dm_pix
import jax

from cinegan_jax.core.types import Images
from cinegan_jax.metrics.image_checks import checked


@functools.partial(jax.jit, static_argnames="ignore_nans")
def psnr(images: Images, references: Images, *, ignore_nans: bool = False) -> jax.Array:
    """PSNR of each picture in decibels, over all its pixels and channels, for a data range of 1.

    Equal pictures score infinity.

    Args:
        images: unit [n, h, w, 3].
        references: unit [n, h, w, 3].
        ignore_nans: leave out pixels that are NaN, such as padding, instead of scoring NaN.

    Returns:
        float [n].

    Raises:
        ValueError: as `checked`.
    """
    return dm_pix.psnr(*checked("PSNR", images, references), ignore_nans=ignore_nans)
