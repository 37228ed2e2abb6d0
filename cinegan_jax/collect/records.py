"""The folder of a collection: its JSON-lines records and the attribution table."""

import contextlib
import csv
import dataclasses
import datetime
import inspect
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from filelock import FileLock, Timeout
from PIL import ExifTags, Image

from cinegan_jax.core.errors import UserError, is_disk_full
from cinegan_jax.core.json_lines import read_json_lines
from cinegan_jax.core.storage import write_whole

NO_SPACE = "no space is left on the disk; free some, then run the same command again"
TABLE_COLUMNS = (
    *("file", "address", "page", "title", "licence", "copyright", "artist"),
    *("sha256", "bytes", "downloaded"),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

Record = TypeVar("Record")


@dataclass(frozen=True)
class ListedImage:
    """A line of `addresses.jsonl`: the address of an image and what its page says about it.

    Attributes:
      address: in normal form.
      page: the page that names it; else the sitemap; empty if the user gave the address.
      title: alternative text or title.
      licence: addresses of the licences that the page names.
      when: time of listing (ISO 8601, UTC).
    """

    address: str
    page: str = ""
    title: str = ""
    licence: str = ""
    when: str = ""


@dataclass(frozen=True)
class VisitedPage:
    """A line of `pages.jsonl`: a page that has been read, and its number of images."""

    page: str
    pictures: int
    when: str


@dataclass(frozen=True)
class DownloadedImage:
    """A line of `downloads.jsonl`: the result of downloading an address.

    Attributes:
      address: as in `addresses.jsonl`.
      file: name in `pictures/`; addresses with equal content share a file.
      sha256: of the content, hexadecimal.
      bytes: size of the file.
      copyright: as the file itself states (EXIF).
      artist: likewise.
      when: time of download (ISO 8601, UTC).
    """

    address: str
    file: str
    sha256: str
    bytes: int
    copyright: str
    artist: str
    when: str


@dataclass(frozen=True)
class FailedDownload:
    """A line of `failures.jsonl`: an address that failed, and the reason."""

    address: str
    page: str
    reason: str
    when: str


class Owner(NamedTuple):
    """Copyright and artist that a file states (EXIF); empty where it states none."""

    copyright: str = ""
    artist: str = ""


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
        """Create the folder if it is missing; raise UserError if that fails."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot create the folder {self.folder}: {error}") from error

    def require(self) -> None:
        """Raise UserError if there is no such collection."""
        if not self.addresses.exists() and not self.pictures.exists():
            raise UserError(
                f"{self.folder} holds no collection: run "
                f"`cinegan collect list {self.folder} https://...` first"
            )

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep other commands out of the folder.

        Raises:
          UserError: it is not writable, another command uses it, or the disk is full.
        """
        try:
            lock = FileLock(self.folder / ".lock")
            lock.acquire(timeout=0)
        except Timeout as error:
            raise UserError(
                f"{self.folder}: another command works on it; wait until it has finished"
            ) from error
        except OSError as error:
            raise UserError(f"cannot write the folder {self.folder}: {error}") from error
        try:
            yield
        except OSError as error:
            if not is_disk_full(error):
                raise
            raise UserError(f"{self.folder}: {NO_SPACE}") from error
        finally:
            lock.release()

    def listed(self) -> dict[str, ListedImage]:
        """Return the listed images by address, in the order of listing."""
        listed: dict[str, ListedImage] = {}
        for record in records(self.addresses, ListedImage):
            listed.setdefault(record.address, record)
        return listed

    def visited_pages(self) -> set[str]:
        """Return the addresses of the pages that have been read."""
        return {record.page for record in records(self.visited, VisitedPage)}

    def downloaded(self) -> dict[str, DownloadedImage]:
        """Return by address the images whose files are complete."""
        whole = (r for r in records(self.downloads, DownloadedImage) if self.has(r.file, r.bytes))
        return {record.address: record for record in whole}

    def failed(self) -> dict[str, FailedDownload]:
        """Return the last failure of each address, even if it was downloaded later."""
        return {record.address: record for record in records(self.failures, FailedDownload)}

    def has(self, file: str, size: int) -> bool:
        """Return True if a file of this size is in `pictures/` or `rejected/`."""
        places = (self.pictures / file, self.rejected / file)
        return any(place.exists() and place.stat().st_size == size for place in places)

    def write_table(self) -> None:
        """Write `collection.csv`: one row per address of each file in `pictures/`.

        Raises:
          OSError: it cannot be written; the previous table stays.
        """
        listed = self.listed()
        text = io.StringIO()
        table = csv.writer(text)
        table.writerow(TABLE_COLUMNS)
        done = sorted(self.downloaded().values(), key=lambda image: (image.file, image.address))
        for image in done:
            if (self.pictures / image.file).exists():
                source = listed.get(image.address, ListedImage(image.address))
                stated = (source.page, source.title, source.licence, image.copyright, image.artist)
                facts = (image.sha256, image.bytes, image.when)
                table.writerow([image.file, image.address, *map(_without_formula, stated), *facts])
        write_whole(self.table, text.getvalue())


def now() -> str:
    """Return the current time for a record."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def records(path: Path, kind: type[Record]) -> Iterator[Record]:
    """Yield the lines of a file that are records of this kind."""
    fields = set(inspect.signature(kind).parameters)
    for line in read_json_lines(path):
        if fields <= line.keys():
            yield kind(**{name: line[name] for name in fields})


def as_line(record: Any) -> dict[str, Any]:
    """Return the JSON object of a record."""
    return dataclasses.asdict(record)


def owner_of(path: Path) -> Owner:
    """Read the owner from the EXIF tags of a file."""
    try:
        with Image.open(path) as image:
            exif = image.getexif()
    except Exception:  # decoders raise many kinds of exceptions on damaged files
        return Owner()
    tags = (exif.get(tag) for tag in (ExifTags.Base.Copyright, ExifTags.Base.Artist))
    return Owner(*(_plain(tag) for tag in tags))


def _plain(text: object) -> str:
    if not isinstance(text, str):
        return ""
    with contextlib.suppress(UnicodeError):  # Pillow reads UTF-8 as Latin-1
        text = text.encode("latin-1").decode("utf-8")
    return " ".join(text.replace("\0", " ").split())


def _without_formula(text: str) -> str:
    """Quote text that a spreadsheet would execute; pages are not trusted."""
    return f"'{text}" if text.startswith(_FORMULA) else text
