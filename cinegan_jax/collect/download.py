"""`cinegan collect download`: fetch the listed images and keep each content once.

A download may be stopped at any moment, by Ctrl-C, SIGKILL or a full disk, and the same command
continues it: an image gets its name only when it is complete, its line in `downloads.jsonl`
follows, and an incomplete one is resumed.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cinegan_jax.collect.addresses import KEPT_FORMATS, Failure, RangeRefused, host_of, reason_of
from cinegan_jax.collect.client import Client
from cinegan_jax.collect.partial import PartialFile, sweep
from cinegan_jax.collect.records import (
    NO_SPACE,
    Collection,
    DownloadedImage,
    FailedDownload,
    ListedImage,
    as_line,
    now,
    owner_of,
)
from cinegan_jax.collect.task_pool import TaskPool
from cinegan_jax.core.errors import UserError, is_disk_full
from cinegan_jax.core.json_lines import JsonLines
from cinegan_jax.photos.kinds import kind_of

NAME_DIGITS = 20
"""Digits of the SHA-256 in a file name: 80 bits, enough to exclude collisions."""
_OTHER_CONTENT = ("text", "audio", "video", "font")

_Result = DownloadedImage | FailedDownload | OSError


@dataclass
class DownloadResult:
    """Counts of a download.

    Attributes:
      new: addresses downloaded.
      copies: those of them whose content was already there.
      earlier: addresses downloaded by an earlier command.
      failed: addresses that failed.
      failed_earlier: addresses that failed in an earlier command and were not retried.
      error: why the command ended early; empty if it did not.
    """

    new: int = 0
    copies: int = 0
    earlier: int = 0
    failed: list[FailedDownload] = field(default_factory=list)
    failed_earlier: int = 0
    error: str = ""


class Download:
    """One run of the command; `result` is up to date at any moment."""

    def __init__(
        self,
        collection: Collection,
        client: Client,
        *,
        max_bytes: int,
        retry_failures: bool,
        show: Callable[[int, int], None],
    ) -> None:
        """Plan the downloads.

        Args:
          collection: its folder is in use by this command.
          client: for the requests.
          max_bytes: size limit of one image.
          retry_failures: download only the addresses that failed before.
          show: receives the numbers of finished and planned downloads.

        Raises:
          UserError: no addresses are listed.
        """
        self.result = DownloadResult()
        self._collection, self._client, self._show = collection, client, show
        self._max_bytes = max_bytes
        self._downloads = JsonLines(collection.downloads)
        self._failures = JsonLines(collection.failures)
        self._pool = TaskPool(
            self._fetch,
            lambda image: host_of(image.address),
            self._finished,
            jobs=client.politeness.jobs,
            per_host=client.politeness.per_host,
        )
        self._downloaded = collection.downloaded()
        self._files = {record.file for record in self._downloaded.values()}
        self._plan(retry_failures)

    def run(self) -> None:
        """Download until everything is done or the disk is full."""
        folder = self._collection.unfinished
        for each in (self._collection.pictures, folder):
            each.mkdir(parents=True, exist_ok=True)
        sweep(folder, self._collection.listed().keys() - self._downloaded.keys())
        try:
            self._pool.run(self._client.stop)
        finally:
            self._downloads.close()
            self._failures.close()

    @property
    def left(self) -> int:
        """Number of addresses that were not tried."""
        return self._pool.left

    def _plan(self, retry_failures: bool) -> None:
        listed, failed = self._collection.listed(), self._collection.failed()
        if not listed:
            raise UserError(
                f"{self._collection.addresses} lists no images: run "
                f"`cinegan collect list {self._collection.folder} https://...` first"
            )
        for address, image in listed.items():
            if address in self._downloaded:
                self.result.earlier += 1
            elif (address in failed) == retry_failures:
                self._pool.add(image)
            elif address in failed:
                self.result.failed_earlier += 1
        self._total = self._pool.left

    def _fetch(self, image: ListedImage) -> _Result:
        try:
            return self._client.retried(lambda: self._attempt(image))
        except OSError as error:
            return error
        except Exception as error:
            return FailedDownload(image.address, image.page, reason_of(error), now())

    def _attempt(self, image: ListedImage) -> DownloadedImage:
        part = PartialFile(self._collection.unfinished, image.address)
        try:
            if not part.is_whole():
                self._receive(image, part)
            return self._keep(part, image.address)
        except RangeRefused:
            part.remove()
            raise

    def _receive(self, image: ListedImage, part: PartialFile) -> None:
        headers = {"Accept": "image/*", **part.headers()}
        origin = image.page or image.address
        with self._client.get(image.address, origin, headers) as response:
            require_image_type(response.headers.get("Content-Type", ""))
            part.receive(response, self._client.chunks(response), self._max_bytes)

    def _keep(self, part: PartialFile, address: str) -> DownloadedImage:
        """Move a complete file to `pictures/`, unless its content is there already."""
        with part.path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        try:
            name = name_of(part.path, sha256)
        except Failure:
            part.remove()
            raise
        owner, size = owner_of(part.path), part.path.stat().st_size
        if not self._collection.has(name, size):
            part.path.replace(self._collection.pictures / name)
        part.remove()
        return DownloadedImage(address, name, sha256, size, owner.copyright, owner.artist, now())

    def _finished(self, image: ListedImage, result: _Result) -> None:
        try:
            self._record(result)
        except OSError as error:  # the other downloads would meet it too
            what = NO_SPACE if is_disk_full(error) else f"cannot be written: {error}"
            self.result.error = f"{self._collection.folder}: {what}"
            self._pool.close()
        self._show(self._total - self._pool.left, self._total)

    def _record(self, result: _Result) -> None:
        match result:
            case DownloadedImage():
                self._downloads.append(as_line(result))
                self.result.new += 1
                self.result.copies += result.file in self._files
                self._files.add(result.file)
            case FailedDownload():
                self._failures.append(as_line(result))
                self.result.failed.append(result)
            case OSError():
                raise result


def require_image_type(content_type: str) -> None:
    """Raise Failure if a Content-Type excludes an image; a missing or vague one does not."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind.partition("/")[0] in _OTHER_CONTENT or kind == "image/svg+xml":
        raise Failure(f"{kind} instead of an image")


def name_of(path: Path, sha256: str) -> str:
    """Return the file name of an image, which depends on its content alone.

    Raises:
      Failure: the first bytes are not those of a kept format.
    """
    with path.open("rb") as file:
        head = file.read(256)
    kind = kind_of(head)
    if kind not in KEPT_FORMATS:
        what = kind or ("empty" if not head else f"not an image, it begins with {head[:12]!r}")
        raise Failure(f"{what}; kept formats are {', '.join(KEPT_FORMATS)}")
    return sha256[:NAME_DIGITS] + KEPT_FORMATS[kind]
