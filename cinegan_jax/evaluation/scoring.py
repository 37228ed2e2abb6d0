"""Scores of images against their references: one photo at a time, and as whole sets."""

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from cinegan_jax.data.pairs import Pair
from cinegan_jax.evaluation.result import SetScore
from cinegan_jax.inference.network import BUCKET, pad_to_multiple
from cinegan_jax.metrics.devices import OnDevices
from cinegan_jax.metrics.registry import PAIRED_METRICS, PairedMetric
from cinegan_jax.metrics.sets import ImageSet, inception_on_devices, set_scores, small_set_notes
from cinegan_jax.nets.inception import FEATURES, load_inception
from cinegan_jax.ops.images import to_unit


def score_images(
    images: Sequence[np.ndarray],
    references: Sequence[np.ndarray],
    metrics: tuple[str, ...] = tuple(PAIRED_METRICS),
    learned: Sequence[PairedMetric] = (),
) -> list[list[dict[str, float]]]:
    """Score each image against each reference, by all metrics of image pairs at once.

    Few programs are compiled, whatever the sizes: images are padded to buckets, and the padding is
    left out of every mean.

    Args:
        images: k times uint8 [h, w, 3], both sides at least 11.
        references: r times uint8 [h, w, 3].
        metrics: names in `PAIRED_METRICS`.
        learned: further metrics, which have weights of their own.

    Returns:
        r times k times metric -> score; NaN where an image has none.
    """
    height, width = references[0].shape[:2]
    padded = (
        np.stack([pad_to_multiple(image, BUCKET) for image in some])
        for some in (images, references)
    )
    stacked, targets = _unit_inside(*padded, height, width)
    scores = _score(metrics, stacked, targets)
    for metric in learned:
        against = [jnp.broadcast_to(target, stacked.shape) for target in targets]
        columns = [metric.function(stacked, target, ignore_nans=True) for target in against]
        scores[metric.name] = jnp.stack(columns)
    return [
        _rows({metric: column[i] for metric, column in scores.items()}) for i in range(len(targets))
    ]


def _rows(scores: Mapping[str, jax.Array]) -> list[dict[str, float]]:
    columns = [np.asarray(column).tolist() for column in scores.values()]
    return [dict(zip(scores, row, strict=True)) for row in zip(*columns, strict=True)]


@jax.jit
def _unit_inside(
    images: jax.Array, references: jax.Array, height: jax.Array, width: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Return both in unit range, with NaN outside of height x width."""
    rows, columns = jnp.indices(images.shape[1:3], sparse=True)
    inside = ((rows < height) & (columns < width))[None, ..., None]
    scored, targets = (
        jnp.where(inside, to_unit(levels), jnp.nan) for levels in (images, references)
    )
    return scored, targets


@partial(jax.jit, static_argnums=0)
def _score(
    metrics: tuple[str, ...], images: jax.Array, references: jax.Array
) -> dict[str, jax.Array]:
    """Return scores [r, k] by metric; what depends on one image alone is computed once."""

    def score(image: jax.Array, reference: jax.Array) -> dict[str, jax.Array]:
        pair = image[None], reference[None]
        return {name: PAIRED_METRICS[name].function(*pair, ignore_nans=True)[0] for name in metrics}

    of_images = jax.vmap(score, in_axes=(0, None))
    return jax.vmap(of_images, in_axes=(None, 0))(images, references)


_REFERENCES = ("target", "clean")


class SetScorer:
    """FID, KID and patch-FID of each method's images, which are added photo by photo.

    Where several processes share the photos, each adds its own.
    """

    def __init__(
        self,
        network: OnDevices,
        protocols: Iterable[str],
        methods: Iterable[str],
        *,
        dimensions: int = FEATURES,
    ):
        """Create empty sets.

        Args:
            network: see `inception_on_devices`.
            protocols: the names of all that will be added.
            methods: likewise.
            dimensions: of the network's features.
        """
        self._methods = tuple(methods)
        self._sets = {  # the same on every process, since all gather one after another
            protocol: {
                name: ImageSet(network, dimensions=dimensions)
                for name in (*_REFERENCES, *self._methods)
            }
            for protocol in protocols
        }

    def add(self, protocol: str, pair: Pair, images: Mapping[str, np.ndarray]) -> None:
        """Add a prepared pair and the images of its photo, by method."""
        references = {"target": pair.target, "clean": pair.clean}
        for name, image in {**references, **images}.items():
            if image is not None:
                self._sets[protocol][name].add(pair.name, image)

    def scores(self) -> tuple[SetScore, ...]:
        """Score each method against each reference that all photos have.

        All processes must call it together.

        Raises:
            UserError: there are fewer than two photos.
        """
        found = []
        for protocol, sets in self._sets.items():
            gathered = {name: images.gather() for name, images in sets.items()}
            for reference in _REFERENCES:
                count = len(gathered[reference].features)
                for method in self._methods:
                    if count == len(gathered[method].features):
                        pair = gathered[method], gathered[reference]
                        scores, notes = set_scores(*pair), tuple(small_set_notes(*pair))
                        found.append(SetScore(protocol, reference, method, count, scores, notes))
        return tuple(found)


def open_set_scorer(
    inception: str | os.PathLike[str], protocols: Iterable[str], methods: Iterable[str]
) -> SetScorer:
    """Return empty sets that are scored with a file of `cinegan convert inception`.

    Raises:
        UserError: the file cannot be used.
    """
    network = inception_on_devices(load_inception(inception))
    return SetScorer(network, protocols, methods)
