"""`cinegan collect clean`: sorts out pictures that would teach a network nothing good.

Nothing is deleted: what is left out is moved from `pictures/` to `rejected/`, with the reason in
`rejected.jsonl`, and comes back when other limits let it. May be left at any moment; pictures are
looked at once, as `judged.jsonl` keeps what was seen.
"""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cinegan_jax.collect.collection import Collection, as_line, records
from cinegan_jax.collect.duplicates import bits_between, repeated
from cinegan_jax.collect.judgement import Judgement, judge
from cinegan_jax.collect.progress import Show
from cinegan_jax.core.errors import UserError
from cinegan_jax.core.json_lines import JsonLines, read_json_lines
from cinegan_jax.core.storage import write_whole
from cinegan_jax.photos.kinds import is_photo


@dataclass(frozen=True)
class Limits:
    """What a picture must be like to stay.

    Attributes:
      least_side: pixels of its shorter side.
      least_chroma: see Judgement; below it a picture is grey.
      distance: bits of the perceptual hash; pictures that differ in no more are near-duplicates.
    """

    least_side: int = 128
    least_chroma: float = 12.0
    distance: int = 6


class Rejection(NamedTuple):
    """A line of `rejected.jsonl`."""

    file: str
    kind: str
    reason: str


class Cleaned(NamedTuple):
    """The outcome: names of the pictures that stay, and what was left out."""

    kept: Sequence[str]
    rejected: Sequence[Rejection]


def clean(collection: Collection, limits: Limits, jobs: int, show: Show) -> Cleaned:
    """Looks at all pictures, `jobs` at a time, and moves those that are left out, or let in again.

    What someone else put into `rejected/` stays there.

    Raises:
      UserError: there are no pictures, or two of one name.
    """
    places = _places(collection)
    judgements = _judged(collection, places, jobs, show)
    rejected = sorted(rejections(judgements, limits))
    left_out = {rejection.file for rejection in rejected}
    collection.rejected.mkdir(exist_ok=True)
    kept = sorted(places.keys() - left_out)
    # In this order, what a kill leaves is among the pictures, or in the list of the rejected.
    _move(kept, places, collection.pictures)
    lines = (json.dumps(rejection._asdict()) + "\n" for rejection in rejected)
    write_whole(collection.rejections, "".join(lines))
    _move(sorted(left_out), places, collection.rejected)
    return Cleaned(kept, rejected)


def rejections(judgements: Sequence[Judgement], limits: Limits) -> Iterator[Rejection]:
    """What is left out and why. Of pictures that look alike the one with most pixels stays."""
    good = []
    for judgement in judgements:
        if rejection := _rejection(judgement, limits):
            yield rejection
        else:
            good.append(judgement)
    good.sort(key=lambda j: (-j.width * j.height, -j.bytes, j.file))
    hashes = np.array([int(j.likeness, 16) for j in good], np.uint64)
    for one, index in zip(good, repeated(hashes, limits.distance), strict=True):
        other = good[index]
        if other is not one:
            bits = bits_between(one.likeness, other.likeness)
            reason = f"like {other.file}: {bits} bits differ, --distance is {limits.distance}"
            yield Rejection(one.file, "near-duplicate", reason)


def _rejection(judgement: Judgement, limits: Limits) -> Rejection | None:
    file, size = judgement.file, f"{judgement.width}x{judgement.height} pixels"
    if judgement.broken:
        return Rejection(file, "broken", judgement.broken)
    if min(judgement.width, judgement.height) < limits.least_side:
        return Rejection(file, "small", f"{size}, --least-side is {limits.least_side}")
    if judgement.chroma < limits.least_chroma:
        reason = f"chroma {judgement.chroma:.1f}, --least-chroma is {limits.least_chroma:g}"
        return Rejection(file, "grey", reason)
    return None


def _places(collection: Collection) -> dict[str, Path]:
    """By name, the pictures, and those that were left out by an earlier cleaning."""
    pictures = _pictures_in(collection.pictures)
    ours = {line.get("file") for line in read_json_lines(collection.rejections)}
    rejected = {n: path for n, path in _pictures_in(collection.rejected).items() if n in ours}
    if both := sorted(pictures.keys() & rejected.keys()):
        raise UserError(
            f"{both[0]} lies in {collection.pictures} and in {collection.rejected}: remove one"
        )
    if not pictures and not rejected:
        raise UserError(
            f"no pictures in {collection.pictures}: "
            f"`cinegan collect download {collection.folder}` first"
        )
    return pictures | rejected


def _pictures_in(folder: Path) -> dict[str, Path]:
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    return {path.name: path for path in paths if is_photo(path) and path.is_file()}


def _judged(
    collection: Collection, places: dict[str, Path], jobs: int, show: Show
) -> list[Judgement]:
    """Looks at the pictures that `judged.jsonl` has nothing on, and has it there."""
    known = {judgement.file: judgement for judgement in records(collection.judged, Judgement)}
    both = known.keys() & places.keys()
    done = {name: known[name] for name in both if known[name].is_of(places[name])}
    lines = JsonLines(collection.judged)
    pool = ThreadPoolExecutor(jobs)
    futures = [pool.submit(judge, path) for name, path in places.items() if name not in done]
    try:
        for future in as_completed(futures):
            judgement = future.result()
            lines.append(as_line(judgement))
            done[judgement.file] = judgement
            show(len(done), len(places))
    finally:
        pool.shutdown(cancel_futures=True)
        lines.close()
    return list(done.values())


def _move(names: Sequence[str], places: dict[str, Path], folder: Path) -> None:
    for name in names:
        if places[name].parent != folder:
            places[name].rename(folder / name)
