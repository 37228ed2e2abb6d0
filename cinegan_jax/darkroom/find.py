"""Search for the photos in the files and folders of a command line, each once."""

import functools
import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from cinegan_jax.darkroom.outcomes import Outcome, printable
from cinegan_jax.photos.contents import holds_photo, reason_to_skip


@dataclass(frozen=True)
class FoundPhoto:
    """A photo to develop."""

    path: Path
    below: Path = Path()
    """Its folder relative to the given folder; empty for a given file."""


LeftOut: TypeAlias = defaultdict[str, Counter[str]]


@dataclass
class PhotoSearch:
    """Search through files and folders.

    Given files are taken whatever their names. In folders, files are taken that are photos by
    their names or first bytes, unless they are hidden. A file that is given twice or linked to is
    taken once, and a folder is entered once, even if links lead back to it. Earlier results are
    left out.

    Attributes:
      recursive: whether to enter subfolders.
      output: folder of the results, which is not entered unless it is given.
      is_result: returns whether a file is an earlier result.
      left_out: files in folders that are no photos: their number, by reason and then by ending.
    """

    recursive: bool = False
    output: Path | None = None
    is_result: Callable[[Path], bool] = lambda path: False
    left_out: LeftOut = field(default_factory=lambda: defaultdict(Counter))
    _seen: dict[str, Path] = field(default_factory=dict)
    _entered: set[str] = field(default_factory=set)

    def photos(self, given: Sequence[Path]) -> Iterator[FoundPhoto | Outcome]:
        """Yield photos to develop, and outcomes of other files, as given and then by name."""
        for path in given:
            if _is_folder(path):
                self._entered.discard(os.path.realpath(path))
                yield from self._folder(path, Path())
            else:
                yield self._file(path, Path())

    def _folder(self, folder: Path, below: Path) -> Iterator[FoundPhoto | Outcome]:
        self._entered.add(os.path.realpath(folder))
        try:
            with os.scandir(folder) as entries:
                names = sorted(entry.name for entry in entries if not entry.name.startswith("."))
        except OSError as error:
            yield Outcome(folder, "failed", f"the folder cannot be read: {error.strerror}")
            return
        folders = []
        for path in (folder / name for name in names):
            if _is_folder(path):
                folders.append(path)
            elif reason := reason_to_skip(path):
                self.left_out[reason][path.suffix.lower()] += 1
            else:
                yield self._file(path, below)
        for path in folders:
            if self.recursive and self._is_new(path):
                yield from self._folder(path, below / path.name)

    def _is_new(self, folder: Path) -> bool:
        place = os.path.realpath(folder)
        return place not in self._entered and (
            self.output is None or place != os.path.realpath(self.output)
        )

    def _file(self, path: Path, below: Path) -> FoundPhoto | Outcome:
        try:
            if not path.exists():
                return Outcome(path, "failed", "no such file")
            if not path.is_file():
                return Outcome(path, "failed", "neither a file nor a folder")
        except OSError as error:
            return Outcome(path, "failed", f"cannot be read: {error.strerror}")
        first = self._seen.setdefault(os.path.realpath(path), path)
        if first is not path:
            return Outcome(path, "skipped", f"the same file as {printable(first)}")
        if self.is_result(path):
            return Outcome(path, "skipped", "an earlier result: its photo is in the same folder")
        return FoundPhoto(path, below)


def _is_folder(path: Path) -> bool:
    """Return whether a path is a folder; False if the system cannot look it up."""
    try:
        return path.is_dir()
    except OSError:
        return False


def results_beside_photos(patterns: Sequence[re.Pattern[str]]) -> Callable[[Path], bool]:
    """Return a function that recognises results by the name of a photo in the same folder.

    Args:
      patterns: patterns of the names of results without their endings, whose group `stem` is the
        name of the photo (see `NameTemplate.pattern`).
    """

    def is_result(path: Path) -> bool:
        for pattern in patterns:
            found = pattern.fullmatch(path.stem)
            stem = found.groupdict().get("stem", path.stem) if found else path.stem
            if stem != path.stem and stem in _photo_stems(path.parent):
                return True
        return False

    return is_result


@functools.lru_cache(maxsize=16)
def _photo_stems(folder: Path) -> frozenset[str]:
    """Return the names of a folder's photos without their suffixes."""
    try:
        return frozenset(path.stem for path in folder.iterdir() if holds_photo(path))
    except OSError:
        return frozenset()
