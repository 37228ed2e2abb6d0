"""`cinegan collect clean`: move images that are bad training data out of `pictures/`.

Nothing is deleted: a rejected image is moved to `rejected/`, `rejected.jsonl` gives the reason,
and other limits bring it back. Cleaning may be stopped at any moment. Each image is judged once;
`judged.jsonl` keeps the judgements.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cinegan_jax.collect.judging import Judgement, bits_between, judge, nearest_kept
from cinegan_jax.collect.records import Collection, as_line, records
from cinegan_jax.core.errors import UserError
from cinegan_jax.core.json_lines import JsonLines, read_json_lines
from cinegan_jax.core.storage import write_whole
from cinegan_jax.photos.contents import holds_photo
from cinegan_jax.photos.decoder_pool import DecoderPool


@dataclass(frozen=True)
class ImageLimits:
    """Conditions for an image to stay.

    Attributes:
      least_side: minimum length of the shorter side, in pixels.
      least_chroma: minimum chroma; see Judgement. Below it an image is grey.
      distance: maximum number of differing bits in the perceptual hashes of near-duplicates.
    """

    least_side: int = 128
    least_chroma: float = 12.0
    distance: int = 6


class Rejection(NamedTuple):
    """A line of `rejected.jsonl`."""

    file: str
    kind: str
    reason: str


class CleaningResult(NamedTuple):
    """Names of the images that stay, and the rejections."""

    kept: Sequence[str]
    rejected: Sequence[Rejection]


def clean(
    collection: Collection, limits: ImageLimits, jobs: int, show: Callable[[int, int], None]
) -> CleaningResult:
    """Judge all images in `jobs` threads, then move them between `pictures/` and `rejected/`.

    Images that someone else put into `rejected/` stay there.

    Raises:
      UserError: there are no images, or two with the same name.
    """
    paths = _paths(collection)
    judgements = _judgements(collection, paths, jobs, show)
    rejected = sorted(rejections(judgements, limits))
    names = {rejection.file for rejection in rejected}
    collection.rejected.mkdir(exist_ok=True)
    kept = sorted(paths.keys() - names)
    # This order leaves each image in `pictures/` or in the list of rejections after a kill.
    _move(kept, paths, collection.pictures)
    lines = (json.dumps(rejection._asdict()) + "\n" for rejection in rejected)
    write_whole(collection.rejections, "".join(lines))
    _move(sorted(names), paths, collection.rejected)
    return CleaningResult(kept, rejected)


def rejections(judgements: Sequence[Judgement], limits: ImageLimits) -> Iterator[Rejection]:
    """Yield the rejected images. Of near-duplicates the one with most pixels stays."""
    good = []
    for judgement in judgements:
        if rejection := _rejection(judgement, limits):
            yield rejection
        else:
            good.append(judgement)
    good.sort(key=lambda j: (-j.width * j.height, -j.bytes, j.file))
    hashes = np.array([int(j.likeness, 16) for j in good], np.uint64)
    for one, index in zip(good, nearest_kept(hashes, limits.distance), strict=True):
        other = good[index]
        if other is not one:
            bits = bits_between(one.likeness, other.likeness)
            reason = f"like {other.file}: {bits} bits differ, --distance is {limits.distance}"
            yield Rejection(one.file, "near-duplicate", reason)


def _rejection(judgement: Judgement, limits: ImageLimits) -> Rejection | None:
    file, size = judgement.file, f"{judgement.width}x{judgement.height} pixels"
    if judgement.broken:
        return Rejection(file, "broken", judgement.broken)
    if min(judgement.width, judgement.height) < limits.least_side:
        return Rejection(file, "small", f"{size}, --least-side is {limits.least_side}")
    if judgement.chroma < limits.least_chroma:
        reason = f"chroma {judgement.chroma:.1f}, --least-chroma is {limits.least_chroma:g}"
        return Rejection(file, "grey", reason)
    return None


def _paths(collection: Collection) -> dict[str, Path]:
    """Return by name the images of `pictures/`, and those that an earlier cleaning rejected."""
    kept = _images_in(collection.pictures)
    ours = {line.get("file") for line in read_json_lines(collection.rejections)}
    rejected = {n: path for n, path in _images_in(collection.rejected).items() if n in ours}
    if both := sorted(kept.keys() & rejected.keys()):
        raise UserError(
            f"{both[0]} is in {collection.pictures} and in {collection.rejected}: remove one"
        )
    if not kept and not rejected:
        raise UserError(
            f"{collection.pictures} holds no images: run "
            f"`cinegan collect download {collection.folder}` first"
        )
    return kept | rejected


def _images_in(folder: Path) -> dict[str, Path]:
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    return {path.name: path for path in paths if path.is_file() and holds_photo(path)}


def _judgements(
    collection: Collection, paths: dict[str, Path], jobs: int, show: Callable[[int, int], None]
) -> list[Judgement]:
    """Judge the images without a valid line in `judged.jsonl`, and record the judgements."""
    known = {judgement.file: judgement for judgement in records(collection.judged, Judgement)}
    both = known.keys() & paths.keys()
    done = {name: known[name] for name in both if known[name].is_of(paths[name])}
    lines = JsonLines(collection.judged)
    pool, decoders = ThreadPoolExecutor(jobs), DecoderPool()
    futures = [
        pool.submit(_judge_apart, path, decoders)
        for name, path in paths.items()
        if name not in done
    ]
    try:
        for future in as_completed(futures):
            judgement = future.result()
            lines.append(as_line(judgement))
            done[judgement.file] = judgement
            show(len(done), len(paths))
    finally:
        pool.shutdown(cancel_futures=True)
        decoders.close()
        lines.close()
    return list(done.values())


def _judge_apart(path: Path, decoders: DecoderPool) -> Judgement:
    """Judge an image in a process that it may crash."""
    with decoders.process() as process:
        return judge(path, lambda file: process.probe(file, str(file)), process.decode)


def _move(names: Sequence[str], paths: dict[str, Path], folder: Path) -> None:
    for name in names:
        if paths[name].parent != folder:
            paths[name].rename(folder / name)
