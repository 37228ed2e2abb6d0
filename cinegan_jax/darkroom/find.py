"""The photos that files and folders on a command line name, each once."""

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cinegan_jax.darkroom.outcome import Outcome, printable
from cinegan_jax.photos.kinds import is_photo


@dataclass(frozen=True)
class Found:
    """A photo to develop."""

    path: Path
    below: Path = Path()
    """Its folder, seen from the folder that was given; empty for a file that was given."""


@dataclass
class Search:
    """Looks through files and folders.

    Files that are given are taken whatever their names; from folders those that end like a photo
    and are not hidden. A photo that has been found is not found again, be it given twice or linked
    to; folders that links lead back to are entered once. Results that lie beside their photos are
    left out.

    Attributes:
      recursive: whether folders in folders are entered.
      output: the folder of the results, which is not entered unless it is given.
      is_result: whether a file is an earlier result.
    """

    recursive: bool = False
    output: Path | None = None
    is_result: Callable[[Path], bool] = lambda path: False
    _seen: dict[str, Path] = field(default_factory=dict)
    _entered: set[str] = field(default_factory=set)

    def photos(self, given: Sequence[Path]) -> Iterator[Found | Outcome]:
        """What is to be developed, in the order given and by name, and what is not, and why."""
        for path in given:
            if path.is_dir():
                self._entered.discard(os.path.realpath(path))
                yield from self._folder(path, Path())
            else:
                yield self._file(path, Path())

    def _folder(self, folder: Path, below: Path) -> Iterator[Found | Outcome]:
        self._entered.add(os.path.realpath(folder))
        try:
            with os.scandir(folder) as entries:
                names = sorted(entry.name for entry in entries if not entry.name.startswith("."))
        except OSError as error:
            yield Outcome(folder, "failed", f"the folder cannot be read: {error.strerror}")
            return
        paths = [folder / name for name in names]
        yield from (self._file(p, below) for p in paths if is_photo(p) and not p.is_dir())
        for path in paths:
            if self.recursive and path.is_dir() and self._is_new(path):
                yield from self._folder(path, below / path.name)

    def _is_new(self, folder: Path) -> bool:
        place = os.path.realpath(folder)
        return place not in self._entered and (
            self.output is None or place != os.path.realpath(self.output)
        )

    def _file(self, path: Path, below: Path) -> Found | Outcome:
        if not path.exists():
            return Outcome(path, "failed", "no such file")
        if not path.is_file():
            return Outcome(path, "failed", "neither a file nor a folder")
        first = self._seen.setdefault(os.path.realpath(path), path)
        if first is not path:
            return Outcome(path, "skipped", f"the same file as {printable(first)}")
        if self.is_result(path):
            return Outcome(path, "skipped", "an earlier result: its photo lies beside it")
        return Found(path, below)


def results_beside_photos(endings: Sequence[str]) -> Callable[[Path], bool]:
    """Tells whether a file is named like the result of a photo that lies beside it.

    Args:
      endings: what results' names end with, before the file's own ending.
    """
    endings = tuple(ending for ending in endings if ending)

    def is_result(path: Path) -> bool:
        for ending in endings:
            stem = path.stem.removesuffix(ending)
            if stem != path.stem and stem in _photo_stems(path.parent):
                return True
        return False

    return is_result


@functools.lru_cache(maxsize=16)
def _photo_stems(folder: Path) -> frozenset[str]:
    """Names of a folder's photos without their endings."""
    try:
        return frozenset(Path(name).stem for name in os.listdir(folder) if is_photo(Path(name)))
    except OSError:
        return frozenset()
