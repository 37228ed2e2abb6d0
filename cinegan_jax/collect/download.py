"""`cinegan collect download`: the pictures of `addresses.jsonl`, each content once.

May be left at any moment, by Ctrl-C, SIGKILL or a full disk, and the same command goes on: a
picture appears under its name only when it is whole, its line in `downloads.jsonl` is written
after that, and of one that is not whole the rest is asked for.
"""

from dataclasses import dataclass, field

from cinegan_jax.collect import partial
from cinegan_jax.collect.addresses import host_of
from cinegan_jax.collect.client import Client
from cinegan_jax.collect.collection import (
    NO_SPACE,
    Collection,
    FailedPicture,
    FoundPicture,
    KeptPicture,
    as_line,
    now,
)
from cinegan_jax.collect.failure import Failure, PartRefused, Stopped, unforeseen
from cinegan_jax.collect.fan_out import FanOut
from cinegan_jax.collect.partial import Partial
from cinegan_jax.collect.picture_file import digest, name_of, owner_of, require_picture_type
from cinegan_jax.collect.progress import Show
from cinegan_jax.core.errors import UserError, is_disk_full
from cinegan_jax.core.json_lines import JsonLines

_Result = KeptPicture | FailedPicture | OSError


@dataclass
class Downloaded:
    """The outcome of a download.

    Attributes:
      new: addresses whose pictures were downloaded.
      copies: of those, whose content was there already.
      earlier: addresses that had been downloaded before.
      failed: addresses that gave nothing.
      failed_earlier: addresses that gave nothing before and were not tried again.
      error: why the command ended early.
    """

    new: int = 0
    copies: int = 0
    earlier: int = 0
    failed: list[FailedPicture] = field(default_factory=list)
    failed_earlier: int = 0
    error: str = ""


class Download:
    """One run of the command; `outcome` is what has come of it so far."""

    def __init__(
        self,
        collection: Collection,
        client: Client,
        *,
        most_bytes: int,
        retry_failures: bool,
        show: Show,
    ) -> None:
        """Of one picture, `most_bytes`; `retry_failures`: those that failed before, and no others.

        Raises:
          UserError: no addresses are listed.
        """
        self.outcome = Downloaded()
        self._collection, self._client, self._show = collection, client, show
        self._most_bytes = most_bytes
        self._downloads = JsonLines(collection.downloads)
        self._failures = JsonLines(collection.failures)
        self._fan = FanOut(
            self._fetch,
            lambda picture: host_of(picture.address),
            self._ended,
            jobs=client.manners.jobs,
            per_host=client.manners.per_host,
        )
        self._kept = collection.kept()
        self._files = {record.file for record in self._kept.values()}
        self._plan(retry_failures)

    def run(self) -> None:
        """Downloads what is left, until all is done or the disk is full."""
        folder = self._collection.unfinished
        for each in (self._collection.pictures, folder):
            each.mkdir(parents=True, exist_ok=True)
        partial.sweep(folder, self._collection.found().keys() - self._kept.keys())
        try:
            self._fan.run(self._client.stop)
        finally:
            self._downloads.close()
            self._failures.close()

    @property
    def left(self) -> int:
        """Addresses that have not been tried."""
        return self._fan.left

    def _plan(self, retry_failures: bool) -> None:
        found, failed = self._collection.found(), self._collection.failed()
        if not found:
            raise UserError(
                f"{self._collection.addresses} lists no pictures: "
                f"`cinegan collect list {self._collection.folder} https://...` first"
            )
        for address, picture in found.items():
            if address in self._kept:
                self.outcome.earlier += 1
            elif (address in failed) == retry_failures:
                self._fan.add(picture)
            elif address in failed:
                self.outcome.failed_earlier += 1
        self._total = self._fan.left

    def _fetch(self, picture: FoundPicture) -> _Result:
        try:
            return self._client.tried(lambda: self._attempt(picture))
        except Stopped:
            raise
        except OSError as error:
            return error
        except Failure as failure:
            reason = str(failure)
        except Exception as error:
            reason = unforeseen(error)
        return FailedPicture(picture.address, picture.page, reason, now())

    def _attempt(self, picture: FoundPicture) -> KeptPicture:
        part = Partial(self._collection.unfinished, picture.address)
        try:
            if not part.is_whole():
                self._receive(picture, part)
            return self._keep(part, picture.address)
        except PartRefused:
            part.remove()
            raise

    def _receive(self, picture: FoundPicture, part: Partial) -> None:
        headers = {"Accept": "image/*", **part.headers()}
        origin = picture.page or picture.address
        with self._client.get(picture.address, origin, headers) as response:
            require_picture_type(response.headers.get("Content-Type", ""))
            part.receive(response, self._client.chunks(response), self._most_bytes)

    def _keep(self, part: Partial, address: str) -> KeptPicture:
        """Gives a whole file its name among the pictures, unless they have it already."""
        sha256 = digest(part.path)
        try:
            name = name_of(part.path, sha256)
        except Failure:
            part.remove()
            raise
        owner, size = owner_of(part.path), part.path.stat().st_size
        if not self._collection.has(name, size):
            part.path.replace(self._collection.pictures / name)
        part.remove()
        return KeptPicture(address, name, sha256, size, owner.copyright, owner.artist, now())

    def _ended(self, picture: FoundPicture, result: _Result) -> None:
        try:
            self._note(result)
        except OSError as error:
            self._give_up(error)
        self._show(self._total - self._fan.left, self._total)

    def _note(self, result: _Result) -> None:
        match result:
            case KeptPicture():
                self._downloads.append(as_line(result))
                self.outcome.new += 1
                self.outcome.copies += result.file in self._files
                self._files.add(result.file)
            case FailedPicture():
                self._failures.append(as_line(result))
                self.outcome.failed.append(result)
            case OSError():
                raise result

    def _give_up(self, error: OSError) -> None:
        """The pictures to come would meet the same."""
        what = NO_SPACE if is_disk_full(error) else f"cannot be written: {error}"
        self.outcome.error = f"{self._collection.folder}: {what}"
        self._fan.close()
