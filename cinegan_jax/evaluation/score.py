"""Pictures against their references, by every metric of single pictures at once."""

from collections.abc import Mapping, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from cinegan_jax.inference.network import BUCKET, pad_to_multiple
from cinegan_jax.metrics.paired import PAIRED_METRICS, PairedMetric
from cinegan_jax.ops.images import to_unit


def score_pictures(
    pictures: Sequence[np.ndarray],
    references: Sequence[np.ndarray],
    metrics: tuple[str, ...] = tuple(PAIRED_METRICS),
    learned: Sequence[PairedMetric] = (),
) -> list[list[dict[str, float]]]:
    """The scores of each picture against each reference, by metric.

    Few programs are compiled whatever the sizes: pictures are padded to buckets, and the padding
    is left out of every mean.

    Args:
        pictures: k times uint8 [h, w, 3], both sides at least 11.
        references: r times uint8 [h, w, 3].
        metrics: names in `PAIRED_METRICS`.
        learned: further metrics, which have weights of their own.

    Returns:
        r times k times metric -> score; NaN where a picture has none.
    """
    height, width = references[0].shape[:2]
    padded = (
        np.stack([pad_to_multiple(picture, BUCKET) for picture in some])
        for some in (pictures, references)
    )
    images, targets = _unit_inside(*padded, height, width)
    scores = _score(metrics, images, targets)
    for metric in learned:
        against = [jnp.broadcast_to(target, images.shape) for target in targets]
        columns = [metric.function(images, target, ignore_nans=True) for target in against]
        scores[metric.name] = jnp.stack(columns)
    return [
        _rows({metric: column[i] for metric, column in scores.items()}) for i in range(len(targets))
    ]


def _rows(scores: Mapping[str, jax.Array]) -> list[dict[str, float]]:
    columns = [np.asarray(column).tolist() for column in scores.values()]
    return [dict(zip(scores, row, strict=True)) for row in zip(*columns, strict=True)]


@jax.jit
def _unit_inside(
    pictures: jax.Array, references: jax.Array, height: jax.Array, width: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Both in unit range, NaN outside of height x width."""
    rows, columns = jnp.indices(pictures.shape[1:3], sparse=True)
    inside = ((rows < height) & (columns < width))[None, ..., None]
    images, targets = (
        jnp.where(inside, to_unit(levels), jnp.nan) for levels in (pictures, references)
    )
    return images, targets


@partial(jax.jit, static_argnums=0)
def _score(
    metrics: tuple[str, ...], images: jax.Array, references: jax.Array
) -> dict[str, jax.Array]:
    """Scores [r, k] by metric; what one makes of a picture or a reference alone is made once."""

    def score(image: jax.Array, reference: jax.Array) -> dict[str, jax.Array]:
        pair = image[None], reference[None]
        return {name: PAIRED_METRICS[name].function(*pair, ignore_nans=True)[0] for name in metrics}

    of_images = jax.vmap(score, in_axes=(0, None))
    return jax.vmap(of_images, in_axes=(None, 0))(images, references)
