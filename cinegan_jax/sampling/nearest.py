"""The nearest of a stream of pictures to each of some, exactly, in one pass over the stream."""

from collections.abc import Iterable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cinegan_jax.types import Images

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
