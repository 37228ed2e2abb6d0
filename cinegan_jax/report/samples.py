"""The sample grids of a run as frames that fit into a page."""

import dataclasses
import io
from collections.abc import Sequence
from typing import TypeVar

from etils import epath
from PIL import Image

from cinegan_jax.pages.inline_picture import data_uri, to_jpeg
from cinegan_jax.report.run_files import RunFiles

SIDE = 1100
"""Pixels of a frame's long side at most."""
MOST_FRAMES = 120
BUDGET = 8 * 2**20
"""Bytes of all frames as JPEG, which take a third more in the page."""

_Item = TypeVar("_Item")


@dataclasses.dataclass(frozen=True)
class Frame:
    """One grid."""

    step: int
    picture: str
    """As an address that holds it."""


@dataclasses.dataclass(frozen=True)
class Frames:
    """The grids shown, of all there are."""

    shown: tuple[Frame, ...]
    there: int
    unreadable: tuple[str, ...]
    """Names of files that hold no whole picture."""


def frames_of(files: RunFiles, budget: int = BUDGET) -> Frames:
    """The run's grids as JPEG, thinned out evenly until they fit `budget`; first and last stay."""
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
    """At most `most` of the items at even distances, among them the last and, of two, the first."""
    if len(items) <= most:
        return items
    if most == 1:
        return items[-1:]
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]


def _read(
    pictures: Sequence[tuple[int, epath.Path]], jpegs: dict[int, bytes], unreadable: list[str]
) -> None:
    for step, path in pictures:
        try:
            with Image.open(io.BytesIO(path.read_bytes())) as picture:
                jpegs[step] = to_jpeg(picture, SIDE)
        except (OSError, SyntaxError, Image.DecompressionBombError):  # a broken PNG's errors
            unreadable.append(path.name)
