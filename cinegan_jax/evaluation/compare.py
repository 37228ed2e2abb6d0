"""Pictures against one reference, by every metric at once."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from cinegan_jax.inference.generate import BUCKET, pad_to_multiple
from cinegan_jax.metrics.delta_e import delta_e_76
from cinegan_jax.metrics.psnr import psnr
from cinegan_jax.metrics.ssim import ssim
from cinegan_jax.ops.images import to_unit


def compare(pictures: Sequence[np.ndarray], reference: np.ndarray) -> np.ndarray:
    """Scores of each picture: float [k, 3], the columns PSNR, SSIM and delta E 76.

    Few programs are compiled whatever the sizes: pictures are padded to buckets, and the padding
    is left out of every mean.

    Args:
        pictures: k times uint8 [h, w, 3], both sides at least 11.
        reference: uint8 [h, w, 3].
    """
    height, width = reference.shape[:2]
    padded = np.stack([pad_to_multiple(picture, BUCKET) for picture in pictures])
    return np.asarray(_compare(padded, pad_to_multiple(reference, BUCKET), height, width))


@jax.jit
def _compare(
    pictures: jax.Array, reference: jax.Array, height: jax.Array, width: jax.Array
) -> jax.Array:
    rows, columns = jnp.indices(reference.shape[:2], sparse=True)
    inside = ((rows < height) & (columns < width))[None, ..., None]
    images = jnp.where(inside, to_unit(pictures), jnp.nan)
    target = jnp.where(inside, to_unit(reference)[None], jnp.nan)
    references = jnp.broadcast_to(target, images.shape)
    metrics = (psnr, ssim, delta_e_76)
    return jnp.stack([metric(images, references, ignore_nans=True) for metric in metrics], -1)
