"""Where a photo's result goes."""

import functools
import os
from dataclasses import dataclass
from pathlib import Path

from cinegan_jax.core.errors import UserError
from cinegan_jax.darkroom.find import Found
from cinegan_jax.darkroom.outcome import printable
from cinegan_jax.photos.formats.registry import WRITTEN_SUFFIXES
from cinegan_jax.photos.kinds import PHOTO_SUFFIXES

_FORMATS = {suffix: name for name, suffix in WRITTEN_SUFFIXES.items()} | {
    ".jpeg": "jpeg",
    ".tiff": "tiff",
    ".heif": "heic",
}


@dataclass(frozen=True)
class Destination:
    """Where results go: beside their photos, into a folder, or to one file.

    Attributes:
      folder: of the results, with the subfolders of the photos; None: beside each photo.
      suffix: what is added to the photo's name, before the file's ending.
      file: of the only photo's result, instead.
    """

    folder: Path | None
    suffix: str
    file: Path | None = None

    def of(self, photo: Found, ending: str) -> Path:
        """The path of a photo's result, whose format has this ending (`.jpg`)."""
        if self.file:
            return self.file
        folder = photo.path.parent if self.folder is None else self.folder / photo.below
        return folder / f"{photo.path.stem}{self.suffix}{ending}"


def choose_destination(output: str | None, given: list[Path], suffix: str) -> Destination:
    """What `-o OUTPUT` means for the files and folders that are given.

    For one file OUTPUT is a file if it ends like a picture and is no folder; else a folder, which
    need not exist.

    Raises:
      UserError: `suffix` is no part of a name, or OUTPUT is a file and more than one is given.
    """
    if "/" in suffix or os.sep in suffix or "\0" in suffix:
        raise UserError(f"suffix {printable(suffix)!r} is no part of a file name: leave / out")
    if output is None:
        return Destination(None, suffix)
    path = Path(output)
    names_file = path.suffix.lower() in PHOTO_SUFFIXES and not output.endswith("/")
    if path.is_dir() or not (names_file or path.exists()):
        return Destination(path, suffix)
    if len(given) > 1 or given[0].is_dir():
        raise UserError(f"{printable(path)} is one file; for several photos give a folder")
    if not names_file:
        raise UserError(f"{printable(path)} is a file that does not end like a picture")
    return Destination(path.parent, suffix, path)


def choose_format(destination: Destination, asked: str | None) -> str | None:
    """The format that is asked for, or else that of the file which the destination names.

    Raises:
      UserError: they differ, or such files are not written.
    """
    if destination.file is None:
        return asked
    named = _FORMATS.get(destination.file.suffix.lower())
    if named is None or asked not in (None, named):
        raise UserError(
            f"{printable(destination.file)} would be {asked or 'of a format that is only read'}: "
            f"end its name with {WRITTEN_SUFFIXES.get(asked or 'jpeg', '.jpg')}"
        )
    return named


@functools.lru_cache(maxsize=64)
def require_writable(folder: Path) -> None:
    """Makes a folder where there is none, and sees that files can be made in it.

    Raises:
      UserError: it cannot be made or written.
    """
    probe = folder / ".cinegan.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            f"the folder {printable(folder)} cannot be written: {error.strerror}; "
            "give another one with -o"
        ) from error
