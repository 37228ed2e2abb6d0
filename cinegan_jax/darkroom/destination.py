"""Destination of results: the meaning of `-o`, file names and formats."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cinegan_jax.core.errors import UserError
from cinegan_jax.darkroom.find import FoundPhoto
from cinegan_jax.darkroom.names import USUAL_TEMPLATE, NameTemplate
from cinegan_jax.darkroom.outcomes import printable
from cinegan_jax.photos.formats.registry import WRITTEN_SUFFIXES
from cinegan_jax.photos.kinds import PHOTO_SUFFIXES, SUFFIXES_BY_KIND

_FORMATS = {suffix: name for name in WRITTEN_SUFFIXES for suffix in SUFFIXES_BY_KIND[name]}


@dataclass(frozen=True)
class Destination:
    """Where results go: beside their photos, into a folder, or to one file.

    Attributes:
      folder: folder of the results, which keeps the subfolders of the photos; None: beside each
        photo.
      template: names of the results.
      file: exact path of the result, if there is only one photo.
    """

    folder: Path | None
    template: NameTemplate = USUAL_TEMPLATE
    file: Path | None = None

    def of(self, photo: FoundPhoto, look: str, ending: str) -> Path:
        """Return the path of a photo's result; `ending` is the file suffix, such as `.jpg`."""
        if self.file:
            return self.file
        folder = photo.path.parent if self.folder is None else self.folder / photo.below
        return folder / f"{self.template.name(photo.path, look)}{ending}"


def choose_destination(
    output: str | None, given: list[Path], template: NameTemplate, looks: Sequence[str]
) -> Destination:
    """Interpret `-o OUTPUT`.

    For one given file, OUTPUT is a file if it has the suffix of a photo and is not a folder.
    Otherwise it is a folder, which need not exist.

    Args:
      output: value of `-o`; None: write beside each photo.
      given: files and folders from the command line.
      template: names of the results.
      looks: names of the looks.

    Raises:
      UserError: the template cannot name the results, or OUTPUT is a file and there may be several
        results.
    """
    template.check(looks)
    if output is None:
        return Destination(None, template)
    path = Path(output)
    names_file = path.suffix.lower() in PHOTO_SUFFIXES and not output.endswith("/")
    if path.is_dir() or not (names_file or path.exists()):
        return Destination(path, template)
    if len(given) > 1 or given[0].is_dir() or len(looks) > 1:
        many = "looks" if len(looks) > 1 else "photos"
        raise UserError(f"{printable(path)} is one file; for several {many} give a folder")
    if not names_file:
        raise UserError(f"{printable(path)} exists and is not a photo: give another name or folder")
    return Destination(path.parent, template, path)


def choose_format(destination: Destination, requested: str | None) -> str | None:
    """Return the requested format, or else that of the file which the destination names.

    Raises:
      UserError: the two differ, or the file's format cannot be written.
    """
    if destination.file is None:
        return requested
    named = _FORMATS.get(destination.file.suffix.lower())
    if named is None or requested not in (None, named):
        raise UserError(
            f"{printable(destination.file)} would be {requested or 'in a read-only format'}: "
            f"use a name that ends with {WRITTEN_SUFFIXES.get(requested or 'jpeg', '.jpg')}"
        )
    return named


@functools.lru_cache(maxsize=64)
def require_writable(folder: Path) -> None:
    """Create a folder if it is missing, and check that files can be created in it.

    Raises:
      UserError: it cannot be created or written.
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
