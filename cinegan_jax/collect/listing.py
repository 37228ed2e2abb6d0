"""`cinegan collect list`: pages, sitemaps and files of addresses to `addresses.jsonl`.

May be left at any moment: pages that have been read are not read again, and an address is listed
once. Sitemaps are read again each time, for what they name anew.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from cinegan_jax.collect import sitemap
from cinegan_jax.collect.addresses import host_of, is_picture_address, normalised
from cinegan_jax.collect.client import Client
from cinegan_jax.collect.collection import Collection, FoundPicture, VisitedPage, as_line, now
from cinegan_jax.collect.failure import Failure, Stopped, unforeseen
from cinegan_jax.collect.fan_out import FanOut
from cinegan_jax.collect.page import read_page
from cinegan_jax.collect.progress import Show
from cinegan_jax.core.errors import UserError
from cinegan_jax.core.json_lines import JsonLines

LARGEST_PAGE = 10 * 2**20
"""Bytes of a page."""
_ASKED_FOR = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,text/plain;q=0.8"}
_PAGES = ("text/html", "application/xhtml+xml")


@dataclass
class Listed:
    """The outcome of a listing.

    Attributes:
      new: pictures that were not in the list before.
      known: pictures that were.
      pages: that have been read.
      skipped_pages: that an earlier listing has read.
      unread_pages: that are more than were to be read.
      failed: of each source that could not be read, its address and the reason.
    """

    new: int = 0
    known: int = 0
    pages: int = 0
    skipped_pages: int = 0
    unread_pages: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)


class _Source(NamedTuple):
    """A page or sitemap to be read; `origin` is what the user named, which led to it."""

    address: str
    origin: str


@dataclass
class _Content:
    """What a source names."""

    is_page: bool = False
    pictures: list[FoundPicture] = field(default_factory=list)
    sources: list[_Source] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)


class Listing:
    """One run of the command; `outcome` is what has come of it so far."""

    def __init__(
        self, collection: Collection, client: Client, *, most_pages: int, again: bool, show: Show
    ) -> None:
        """At most `most_pages` pages are read; `again`, also those that have been read before."""
        self.outcome = Listed()
        self._collection, self._client, self._show = collection, client, show
        self._left = most_pages
        self._visited = set() if again else collection.visited_pages()
        self._known = set(collection.found())
        self._seen: set[str] = set()
        self._found = JsonLines(collection.addresses)
        self._pages = JsonLines(collection.visited)
        self._fan = FanOut(
            self._read,
            lambda source: host_of(source.address),
            self._ended,
            jobs=client.manners.jobs,
            per_host=client.manners.per_host,
        )

    def run(self, sources: Sequence[str]) -> None:
        """Lists the pictures of addresses and of local files.

        Raises:
          UserError: a source is neither an address nor a file.
          OSError: the list cannot be written.
        """
        try:
            for source in sources:
                self._take(_named_by_user(source))
            self._fan.run(self._client.stop)
        finally:
            self._found.close()
            self._pages.close()

    def _read(self, source: _Source) -> _Content:
        try:
            return self._client.tried(lambda: self._fetched(source))
        except Stopped:
            raise
        except Failure as failure:
            reason = str(failure)
        except Exception as error:
            reason = unforeseen(error)
        return _Content(failed=[(source.address, reason)])

    def _fetched(self, source: _Source) -> _Content:
        with self._client.get(source.address, source.origin, _ASKED_FOR) as response:
            kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            content = bytearray()
            most = LARGEST_PAGE if kind in _PAGES else sitemap.LARGEST
            for chunk in self._client.chunks(response):
                content += chunk
                if len(content) > most:
                    raise Failure(f"more than {most // 2**20} MiB")
        plain = sitemap.unpacked(bytes(content))
        if sitemap.is_sitemap(plain):
            return _of_sitemap(plain, response.url, source.origin)
        if kind in _PAGES:
            return _of_page(plain, response.url, _charset(response.headers["Content-Type"]))
        if kind == "text/plain":
            return _of_lines(plain, response.url, response.url)
        raise Failure(f"neither a page nor a sitemap, but {kind or 'of no type'}")

    def _ended(self, source: _Source, content: _Content) -> None:
        self._take(content)
        if content.is_page:
            self.outcome.pages += 1
            page = VisitedPage(source.address, len(content.pictures), now())
            self._pages.append(as_line(page))
        total = len(self._seen)
        self._show(total - self._fan.left, total)

    def _take(self, content: _Content) -> None:
        self.outcome.failed += content.failed
        for picture in content.pictures:
            self._add_picture(picture)
        for source in content.sources:
            self._add_source(source)

    def _add_picture(self, picture: FoundPicture) -> None:
        if picture.address in self._known:
            self.outcome.known += 1
            return
        self._found.append(as_line(dataclasses.replace(picture, when=now())))
        self._known.add(picture.address)
        self.outcome.new += 1

    def _add_source(self, source: _Source) -> None:
        if source.address in self._seen:
            return
        if source.address in self._visited:
            self.outcome.skipped_pages += 1
        elif self._left == 0:
            self.outcome.unread_pages += 1
        else:
            self._left -= 1
            self._fan.add(source)
            self._seen.add(source.address)


def _named_by_user(source: str) -> _Content:
    if "://" in source:
        try:
            address = normalised(source)
        except Failure as failure:
            raise UserError(f"{source}: {failure}") from failure
        if is_picture_address(address):
            return _Content(pictures=[FoundPicture(address)])
        return _Content(sources=[_Source(address, address)])
    try:
        content = sitemap.unpacked(Path(source).read_bytes())
        if sitemap.is_sitemap(content):
            return _of_sitemap(content, "", "")
    except OSError as error:
        raise UserError(
            f"{source} is neither an address (https://...) nor a file: {error.strerror}"
        ) from error
    except Failure as failure:
        raise UserError(f"{source}: {failure}") from failure
    return _of_lines(content, source, "")


def _of_page(content: bytes, address: str, charset: str | None) -> _Content:
    page = read_page(content, address, charset)
    licence = " ".join(page.licences)
    pictures = [FoundPicture(p.address, address, p.title, licence) for p in page.pictures]
    return _Content(is_page=True, pictures=pictures)


def _of_sitemap(content: bytes, address: str, origin: str) -> _Content:
    """Pages are to be read where the sitemap does not say what pictures are on them."""
    found = sitemap.read_sitemap(content)
    result = _Content()
    for entry in found.entries:
        page = _taken(entry.address, address, result)
        for image in entry.images:
            if picture := _taken(image.address, address, result):
                result.pictures.append(
                    FoundPicture(picture, page or address, image.title, image.licence)
                )
        if page and is_picture_address(page):
            result.pictures.append(FoundPicture(page, address))
        elif page and not entry.images:
            result.sources.append(_Source(page, origin or page))
    for other in found.sitemaps:
        if full := _taken(other, address, result):
            result.sources.append(_Source(full, origin or full))
    return result


def _of_lines(content: bytes, name: str, page: str) -> _Content:
    """A picture's address in each line; empty lines and those that begin with # are passed over."""
    result = _Content()
    for number, line in enumerate(content.decode("utf-8-sig", errors="replace").splitlines(), 1):
        if (text := line.strip()) and not text.startswith("#"):
            try:
                result.pictures.append(FoundPicture(normalised(text), page))
            except Failure as failure:
                result.failed.append((f"{name}, line {number}", str(failure)))
    return result


def _taken(address: str, base: str, result: _Content) -> str:
    """An address in normal form; where it is none, empty, and among the failed."""
    if not address:
        return ""
    try:
        return normalised(address, base)
    except Failure as failure:
        result.failed.append((base or "the sitemap", str(failure)))
        return ""


def _charset(content_type: str) -> str | None:
    for part in content_type.split(";")[1:]:
        name, _, value = part.partition("=")
        if name.strip().lower() == "charset":
            return value.strip(" \"'") or None
    return None
