"""The folder of a collection: what is found, what is fetched and what is left out, all in files."""

import contextlib
import dataclasses
import datetime
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout

from cinegan_jax.core.errors import UserError, is_disk_full
from cinegan_jax.core.json_lines import read_json_lines

NO_SPACE = "no space is left; make some, and the same command goes on"

Record = TypeVar("Record")


@dataclass(frozen=True)
class FoundPicture:
    """A line of `addresses.jsonl`: the address of a picture, and what its page says of it.

    Attributes:
      address: in normal form.
      page: that named it; the sitemap if no page did; empty if the user did.
      title: its alternative text or title.
      licence: addresses of the licences that the page names.
      when: it was found; ISO 8601, UTC.
    """

    address: str
    page: str = ""
    title: str = ""
    licence: str = ""
    when: str = ""


@dataclass(frozen=True)
class VisitedPage:
    """A line of `pages.jsonl`: a page that has been read, and how many pictures it names."""

    page: str
    pictures: int
    when: str


@dataclass(frozen=True)
class KeptPicture:
    """A line of `downloads.jsonl`: what came from an address.

    Attributes:
      address: as in `addresses.jsonl`.
      file: its name in `pictures/`; several addresses with the same content have the same file.
      sha256: of the content, hexadecimal.
      bytes: its length.
      copyright: as the file itself (EXIF) says.
      artist: likewise.
      when: it was downloaded; ISO 8601, UTC.
    """

    address: str
    file: str
    sha256: str
    bytes: int
    copyright: str
    artist: str
    when: str


@dataclass(frozen=True)
class FailedPicture:
    """A line of `failures.jsonl`: an address that gave nothing, and why."""

    address: str
    page: str
    reason: str
    when: str


class Collection:
    """Paths and records of a collection."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.addresses = folder / "addresses.jsonl"
        self.visited = folder / "pages.jsonl"
        self.downloads = folder / "downloads.jsonl"
        self.failures = folder / "failures.jsonl"
        self.judged = folder / "judged.jsonl"
        self.rejections = folder / "rejected.jsonl"
        self.table = folder / "collection.csv"
        self.pictures = folder / "pictures"
        self.rejected = folder / "rejected"
        self.unfinished = folder / ".unfinished"

    def make(self) -> None:
        """Makes the folder where there is none; raises UserError if it cannot be made."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"the folder {self.folder} cannot be made: {error}") from error

    def require(self) -> None:
        """Raises UserError if there is no such collection."""
        if not self.addresses.exists() and not self.pictures.exists():
            raise UserError(
                f"{self.folder} holds no collection: "
                f"`cinegan collect list {self.folder} https://...` first"
            )

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Keeps other commands out of the folder.

        Raises:
          UserError: it cannot be written, another command works in it, or the disk is full.
        """
        try:
            lock = FileLock(self.folder / ".lock")
            lock.acquire(timeout=0)
        except Timeout as error:
            raise UserError(f"{self.folder}: another command works on it; wait for it") from error
        except OSError as error:
            raise UserError(f"the folder {self.folder} cannot be written: {error}") from error
        try:
            yield
        except OSError as error:
            if not is_disk_full(error):
                raise
            raise UserError(f"{self.folder}: {NO_SPACE}") from error
        finally:
            lock.release()

    def found(self) -> dict[str, FoundPicture]:
        """By address, in the order in which they were found."""
        found: dict[str, FoundPicture] = {}
        for record in records(self.addresses, FoundPicture):
            found.setdefault(record.address, record)
        return found

    def visited_pages(self) -> set[str]:
        """Pages that have been read."""
        return {record.page for record in records(self.visited, VisitedPage)}

    def kept(self) -> dict[str, KeptPicture]:
        """By address, those whose files are there in full."""
        whole = (r for r in records(self.downloads, KeptPicture) if self.has(r.file, r.bytes))
        return {record.address: record for record in whole}

    def failed(self) -> dict[str, FailedPicture]:
        """The last failure of each address, also where it has been downloaded since."""
        return {record.address: record for record in records(self.failures, FailedPicture)}

    def has(self, file: str, length: int) -> bool:
        """Whether a file of so many bytes lies among the pictures, or the rejected ones."""
        places = (self.pictures / file, self.rejected / file)
        return any(place.exists() and place.stat().st_size == length for place in places)


def now() -> str:
    """The time for a record."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def records(path: Path, kind: type[Record]) -> Iterator[Record]:
    """The lines of a file that are records of this kind."""
    fields = set(inspect.signature(kind).parameters)
    for line in read_json_lines(path):
        if fields <= line.keys():
            yield kind(**{name: line[name] for name in fields})


def as_line(record: Any) -> dict[str, Any]:
    """A record as what its line holds."""
    return dataclasses.asdict(record)
