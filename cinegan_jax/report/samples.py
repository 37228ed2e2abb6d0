"""Sample grids of a run, as frames that fit into a page."""

import dataclasses
import io
from collections.abc import Sequence
from typing import TypeVar

from etils import epath
from PIL import Image

from cinegan_jax.pages.page import data_uri, to_jpeg
from cinegan_jax.report.run_files import RunFiles

FRAME_SIDE = 1100
"""Longest side of a frame, in pixels."""
MOST_FRAMES = 120
_FRAME_BYTES = 8 * 2**20
"""Bytes of all frames as JPEG, which take a third more in the page."""

_Item = TypeVar("_Item")


@dataclasses.dataclass(frozen=True)
class Frame:
    """One sample grid."""

    step: int
    image: str
    """Data URI of the grid."""


@dataclasses.dataclass(frozen=True)
class Frames:
    """Grids that the page shows."""

    shown: tuple[Frame, ...]
    total: int
    """Number of grids in the workdir."""
    unreadable: tuple[str, ...]
    """Names of files that hold no complete image."""


def read_frames(files: RunFiles, budget: int = _FRAME_BYTES) -> Frames:
    """Return a run's grids, thinned out evenly to fit `budget`; the first and last are kept."""
    chosen = evenly(list(files.samples.items()), MOST_FRAMES)
    jpegs: dict[int, bytes] = {}
    unreadable: list[str] = []
    probe = evenly(chosen, 3)
    _read(probe, jpegs, unreadable)
    if jpegs:
        chosen = evenly(chosen, max(2, budget // max(map(len, jpegs.values()))))
    _read([item for item in chosen if item not in probe], jpegs, unreadable)
    kept: Sequence[tuple[int, bytes]] = [(step, jpegs[step]) for step, _ in chosen if step in jpegs]
    while len(kept) > 1 and sum(len(jpeg) for _, jpeg in kept) > budget:
        kept = evenly(kept, len(kept) - 1)
    shown = tuple(Frame(step, data_uri(jpeg)) for step, jpeg in kept)
    return Frames(shown, len(files.samples), tuple(unreadable))


def evenly(items: Sequence[_Item], most: int) -> Sequence[_Item]:
    """Return at most `most` items at even distances, always with the last, then with the first."""
    if len(items) <= most:
        return items
    if most == 1:
        return items[-1:]
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]


def _read(
    grids: Sequence[tuple[int, epath.Path]], jpegs: dict[int, bytes], unreadable: list[str]
) -> None:
    for step, path in grids:
        try:
            with Image.open(io.BytesIO(path.read_bytes())) as grid:
                jpegs[step] = to_jpeg(grid, FRAME_SIDE)
        except (OSError, SyntaxError, Image.DecompressionBombError):  # a broken PNG's errors
            unreadable.append(path.name)
