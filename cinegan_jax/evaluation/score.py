"""Pictures against one reference, by every metric of single pictures at once."""

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from cinegan_jax.inference.generate import BUCKET, pad_to_multiple
from cinegan_jax.metrics.paired import PAIRED_METRICS, PairedMetric
from cinegan_jax.ops.images import to_unit


def score_pictures(
    pictures: Sequence[np.ndarray],
    reference: np.ndarray,
    metrics: tuple[str, ...] = tuple(PAIRED_METRICS),
    learned: Sequence[PairedMetric] = (),
) -> list[dict[str, float]]:
    """The scores of each picture by metric.

    Few programs are compiled whatever the sizes: pictures are padded to buckets, and the padding
    is left out of every mean.

    Args:
        pictures: k times uint8 [h, w, 3], both sides at least 11.
        reference: uint8 [h, w, 3].
        metrics: names in `PAIRED_METRICS`.
        learned: further metrics, which have weights of their own.

    Returns:
        k times metric -> score; NaN where a picture has none.
    """
    height, width = reference.shape[:2]
    padded = np.stack([pad_to_multiple(picture, BUCKET) for picture in pictures])
    unit = _unit_inside(padded, pad_to_multiple(reference, BUCKET)[None], height, width)
    scores = _score(metrics, *unit)
    for metric in learned:
        images, target = unit
        references = jnp.broadcast_to(target, images.shape)
        scores[metric.name] = metric.function(images, references, ignore_nans=True)
    columns = {metric: np.asarray(column).tolist() for metric, column in scores.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


@jax.jit
def _unit_inside(
    pictures: jax.Array, reference: jax.Array, height: jax.Array, width: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Both in unit range, NaN outside of height x width."""
    rows, columns = jnp.indices(pictures.shape[1:3], sparse=True)
    inside = ((rows < height) & (columns < width))[None, ..., None]
    images, target = (
        jnp.where(inside, to_unit(levels), jnp.nan) for levels in (pictures, reference)
    )
    return images, target


@partial(jax.jit, static_argnums=0)
def _score(
    metrics: tuple[str, ...], images: jax.Array, reference: jax.Array
) -> dict[str, jax.Array]:
    """Scores [k] by metric; what a metric makes of the reference [1, h, w, 3] is made once."""

    def score(image: jax.Array) -> dict[str, jax.Array]:
        return {
            name: PAIRED_METRICS[name].function(image[None], reference, ignore_nans=True)[0]
            for name in metrics
        }

    return jax.vmap(score)(images)
