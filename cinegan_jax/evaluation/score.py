"""Pictures against one reference, by every metric of single pictures at once."""

from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from cinegan_jax.inference.generate import BUCKET, pad_to_multiple
from cinegan_jax.metrics.delta_e import delta_e_76, delta_e_2000
from cinegan_jax.metrics.psnr import psnr
from cinegan_jax.metrics.ssim import ssim
from cinegan_jax.ops.images import to_unit

PAIRED: Mapping[str, Callable[..., jax.Array]] = {
    "psnr": psnr,
    "ssim": ssim,
    "delta_e_76": delta_e_76,
    "delta_e_2000": delta_e_2000,
}


def score_pictures(pictures: Sequence[np.ndarray], reference: np.ndarray) -> list[dict[str, float]]:
    """The scores of each picture by metric.

    Few programs are compiled whatever the sizes: pictures are padded to buckets, and the padding
    is left out of every mean.

    Args:
        pictures: k times uint8 [h, w, 3], both sides at least 11.
        reference: uint8 [h, w, 3].

    Returns:
        k times metric -> score.
    """
    height, width = reference.shape[:2]
    padded = np.stack([pad_to_multiple(picture, BUCKET) for picture in pictures])
    scores = _score(padded, pad_to_multiple(reference, BUCKET), height, width)
    columns = {metric: np.asarray(column).tolist() for metric, column in scores.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


@jax.jit
def _score(
    pictures: jax.Array, reference: jax.Array, height: jax.Array, width: jax.Array
) -> dict[str, jax.Array]:
    rows, columns = jnp.indices(reference.shape[:2], sparse=True)
    inside = ((rows < height) & (columns < width))[None, ..., None]
    images = jnp.where(inside, to_unit(pictures), jnp.nan)
    target = jnp.where(inside, to_unit(reference)[None], jnp.nan)
    references = jnp.broadcast_to(target, images.shape)
    return {name: metric(images, references, ignore_nans=True) for name, metric in PAIRED.items()}
