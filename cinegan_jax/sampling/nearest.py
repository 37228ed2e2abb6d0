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

BATCH = 256
THREADS = 8


class TrainingBatch(NamedTuple):
    """Pictures uint8 [n, size, size, 3] and where in their source they stand."""

    indices: list[int]
    pictures: np.ndarray


def training_batches(
    source: ExampleSource[SingleImage], size: int, crop: str
) -> Iterator[TrainingBatch]:
    """Every picture once in the order of its source, `BATCH` at a time; broken ones are left out.

    Args:
        source: of the run's training pictures.
        size: of what the networks were trained on.
        crop: how they are brought to it, as `config.data.crop`: of crops, the centre one.
    """

    def read(index: int) -> np.ndarray | None:
        return fitted_picture(source, index, size, crop)

    waiting: list[tuple[int, np.ndarray]] = []
    with ThreadPoolExecutor(THREADS) as threads:
        for first in range(0, len(source), BATCH):
            indices = range(first, min(first + BATCH, len(source)))
            pictures = threads.map(read, indices)
            waiting += [(i, p) for i, p in zip(indices, pictures, strict=True) if p is not None]
            if len(waiting) >= BATCH:
                yield _batch(waiting[:BATCH])
                del waiting[:BATCH]
    if waiting:
        yield _batch(waiting)


def fitted_picture(
    source: ExampleSource[SingleImage], index: int, size: int, crop: str
) -> np.ndarray | None:
    """One of them, uint8 [size, size, 3]; None where it is broken."""
    try:
        example = source[index]
        if crop != "squash":
            require_crop(example, size)
    except BrokenExample:
        return None
    return FITS[crop](example.target, size)


def _batch(items: list[tuple[int, np.ndarray]]) -> TrainingBatch:
    indices, pictures = zip(*items, strict=True)
    return TrainingBatch(list(indices), np.stack(pictures))


LARGEST_SIDE = 32
"""Of pictures that are compared, in pixels."""
AT_A_TIME = 256
"""Pictures reduced at a time."""


class Nearest(NamedTuple):
    """The k nearest pictures of a stream to each of n, the nearest first.

    Attributes:
        distances: float32 [n, k], see `find_nearest`; infinite where there are fewer than k.
        places: int32 [n, k], in the stream.
        mirrored: bool [n, k], whether the picture is nearer when mirrored left to right.
    """

    distances: jax.Array
    places: jax.Array
    mirrored: jax.Array


def compared_side(side: int) -> int:
    """Of pictures with that side: half of it at most, so that a little noise hides no copy."""
    return min(side // 2, LARGEST_SIDE)


def find_nearest(pictures: np.ndarray, stream: Iterable[np.ndarray], k: int) -> Nearest:
    """The nearest pictures of a stream, mirrored or not, by the root mean square difference.

    Distances are between reduced pictures, see `compared_side`, in levels of 0..255, right within
    0.1. Of equally near ones the first in the stream comes first.

    Args:
        pictures: uint8 [n, h, w, 3].
        stream: uint8 [b, h, w, 3] each, with one b except for the last, which may be smaller.
        k: how many.
    """
    count = len(pictures)
    parts = (pictures[first : first + AT_A_TIME] for first in range(0, count, AT_A_TIME))
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
    """What was found, with the first `count` of a batch whose first is at `place` in the stream."""
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
def _reduced(pictures: Images) -> jax.Array:
    """uint8 [n, h, w, 3] in signed float32 at the size of comparison."""
    count, height, width, channels = pictures.shape
    size = (count, compared_side(height), compared_side(width), channels)
    levels = pictures.astype(jnp.float32) - 127.5  # around 0: less is lost where squares cancel
    return jax.image.resize(levels, size, "linear", antialias=True, precision="highest")


def _distances(wanted: jax.Array, others: jax.Array) -> jax.Array:
    """Root mean squares of differences [n, m] of n pictures and m others."""
    one, two = (each.reshape(len(each), -1) for each in (wanted, others))
    products = jnp.matmul(one, two.T, precision="highest")
    squares = jnp.sum(one**2, axis=1)[:, None] + jnp.sum(two**2, axis=1)[None] - 2 * products
    return jnp.sqrt(jnp.maximum(squares, 0) / one.shape[1])
