"""Nearest training images: exact distances, in one pass over the training set."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cinegan_jax.core.types import Images
from cinegan_jax.data.examples import BrokenExample, ExampleSource
from cinegan_jax.data.images import SingleImage
from cinegan_jax.data.selection import FITS
from cinegan_jax.data.transforms import require_crop

TRAINING_BATCH_SIZE = 256
_READ_THREADS = 8
_MAX_COMPARED_SIDE = 32
"""Maximum side at which images are compared, in pixels."""
_REDUCED_AT_A_TIME = 256
"""Number of images reduced at a time."""


class TrainingBatch(NamedTuple):
    """Training images, uint8 [n, size, size, 3], and their indices in the source."""

    indices: list[int]
    images: np.ndarray


def training_batches(
    source: ExampleSource[SingleImage], size: int, crop: str
) -> Iterator[TrainingBatch]:
    """Yield all readable images in the order of their source, `TRAINING_BATCH_SIZE` at a time.

    Args:
        source: the training images of the run.
        size: side of the images that the networks were trained on.
        crop: how images are fitted to this size, as in `config.data.crop`; random crops become
            centre crops.
    """

    def read(index: int) -> np.ndarray | None:
        return fitted_image(source, index, size, crop)

    waiting: list[tuple[int, np.ndarray]] = []
    with ThreadPoolExecutor(_READ_THREADS) as threads:
        for first in range(0, len(source), TRAINING_BATCH_SIZE):
            indices = range(first, min(first + TRAINING_BATCH_SIZE, len(source)))
            images = threads.map(read, indices)
            waiting += [
                (i, each) for i, each in zip(indices, images, strict=True) if each is not None
            ]
            if len(waiting) >= TRAINING_BATCH_SIZE:
                yield _batch(waiting[:TRAINING_BATCH_SIZE])
                del waiting[:TRAINING_BATCH_SIZE]
    if waiting:
        yield _batch(waiting)


def fitted_image(
    source: ExampleSource[SingleImage], index: int, size: int, crop: str
) -> np.ndarray | None:
    """Return one image of a source, uint8 [size, size, 3]; None if it is broken or too small."""
    try:
        example = source[index]
        if crop != "squash":
            require_crop(example, size)
    except BrokenExample:
        return None
    return FITS[crop](example.target, size)


def _batch(items: list[tuple[int, np.ndarray]]) -> TrainingBatch:
    indices, images = zip(*items, strict=True)
    return TrainingBatch(list(indices), np.stack(images))


class Nearest(NamedTuple):
    """The k nearest images of a stream for each of n images, nearest first.

    Attributes:
        distances: float32 [n, k], see `find_nearest`; infinite if the stream has fewer than k.
        places: int32 [n, k], positions in the stream.
        mirrored: bool [n, k], whether the mirror image (left to right) is nearer.
    """

    distances: jax.Array
    places: jax.Array
    mirrored: jax.Array


def compared_side(side: int) -> int:
    """Return the side at which images are compared: at most half, so that noise hides no copy."""
    return min(side // 2, _MAX_COMPARED_SIDE)


def find_nearest(images: np.ndarray, stream: Iterable[np.ndarray], k: int) -> Nearest:
    """Find the nearest images of a stream, mirrored or not, by root mean square difference.

    Distances are measured between reduced images (see `compared_side`) in levels of 0..255, with an
    error below 0.1. Of equally near images, the first of the stream comes first.

    Args:
        images: uint8 [n, h, w, 3].
        stream: batches uint8 [b, h, w, 3] of one size, except for a smaller last one.
        k: number of neighbours per image.
    """
    count = len(images)
    parts = (
        images[first : first + _REDUCED_AT_A_TIME] for first in range(0, count, _REDUCED_AT_A_TIME)
    )
    wanted = jnp.concatenate([_reduced(jnp.asarray(part)) for part in parts])
    found = Nearest(
        jnp.full((count, k), jnp.inf), jnp.full((count, k), -1), jnp.zeros((count, k), bool)
    )
    place, batch_size = 0, 0
    for batch in stream:
        batch_size = max(batch_size, len(batch))
        padded = np.pad(batch, [(0, batch_size - len(batch)), (0, 0), (0, 0), (0, 0)])
        found = _merged(found, wanted, jnp.asarray(padded), place, len(batch))
        place += len(batch)
    return found


@jax.jit
def _merged(found: Nearest, wanted: jax.Array, batch: jax.Array, place: int, count: int) -> Nearest:
    """Merge the first `count` images of a batch, which starts at `place` in the stream."""
    reduced = _reduced(batch)
    plain, mirrored = (_distances(wanted, each) for each in (reduced, reduced[:, :, ::-1]))
    index = jnp.arange(len(batch))
    distances = jnp.where((index < count)[None], jnp.minimum(plain, mirrored), jnp.inf)
    places = jnp.broadcast_to((place + index)[None], distances.shape)
    new = Nearest(distances, places, mirrored < plain)
    both = Nearest(*(jnp.concatenate(pair, axis=1) for pair in zip(found, new, strict=True)))
    _, best = jax.lax.top_k(-both.distances, found.distances.shape[1])
    return Nearest(*(jnp.take_along_axis(each, best, axis=1) for each in both))


@jax.jit
def _reduced(images: Images) -> jax.Array:
    """Reduce uint8 [n, h, w, 3] to signed float32 at the compared side."""
    count, height, width, channels = images.shape
    size = (count, compared_side(height), compared_side(width), channels)
    levels = images.astype(jnp.float32) - 127.5  # centred on 0: less is lost when squares cancel
    return jax.image.resize(levels, size, "linear", antialias=True, precision="highest")


def _distances(wanted: jax.Array, others: jax.Array) -> jax.Array:
    """Return root mean square differences, [n, m], between n images and m others."""
    one, two = (each.reshape(len(each), -1) for each in (wanted, others))
    products = jnp.matmul(one, two.T, precision="highest")
    squares = jnp.sum(one**2, axis=1)[:, None] + jnp.sum(two**2, axis=1)[None] - 2 * products
    return jnp.sqrt(jnp.maximum(squares, 0) / one.shape[1])
