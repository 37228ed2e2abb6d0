"""`cinegan collect list`: write the image addresses of pages, sitemaps and files.

A listing may be stopped at any moment: pages that have been read are not read again, and each
address is listed once. Sitemaps are read every time, because they may list new pages.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import NamedTuple

from cinegan_jax.collect.addresses import (
    Failure,
    host_of,
    is_image_address,
    normalised,
    reason_of,
)
from cinegan_jax.collect.client import Client
from cinegan_jax.collect.records import Collection, ListedImage, VisitedPage, as_line, now
from cinegan_jax.collect.sources import (
    MAX_SITEMAP_BYTES,
    is_sitemap,
    read_page,
    read_sitemap,
    unpacked,
)
from cinegan_jax.collect.task_pool import TaskPool
from cinegan_jax.core.errors import UserError
from cinegan_jax.core.json_lines import JsonLines

MAX_PAGE_BYTES = 10 * 2**20
_ACCEPT = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,text/plain;q=0.8"}
_PAGE_TYPES = ("text/html", "application/xhtml+xml")


@dataclass
class ListingResult:
    """Counts of a listing.

    Attributes:
      new: images that were not listed before.
      known: images that were.
      pages: pages read.
      skipped_pages: pages that an earlier listing has read.
      unread_pages: pages beyond the limit.
      failed: address and reason of each source that failed.
    """

    new: int = 0
    known: int = 0
    pages: int = 0
    skipped_pages: int = 0
    unread_pages: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)


class _Source(NamedTuple):
    """A page or sitemap to read; `origin` is the source of the user that led to it."""

    address: str
    origin: str


@dataclass
class _Content:
    """Images and further sources that a source names."""

    is_page: bool = False
    images: list[ListedImage] = field(default_factory=list)
    sources: list[_Source] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)


class Listing:
    """One run of the command; `result` is up to date at any moment."""

    def __init__(
        self,
        collection: Collection,
        client: Client,
        *,
        max_pages: int,
        again: bool,
        show: Callable[[int, int], None],
    ) -> None:
        """Read at most `max_pages` pages; with `again`, also those that have been read before.

        `show` receives the numbers of finished and known sources.
        """
        self.result = ListingResult()
        self._client, self._show = client, show
        self._pages_left = max_pages
        self._visited = set() if again else collection.visited_pages()
        self._known = set(collection.listed())
        self._seen: set[str] = set()
        self._images = JsonLines(collection.addresses)
        self._pages = JsonLines(collection.visited)
        self._pool = TaskPool(
            self._read,
            lambda source: host_of(source.address),
            self._finished,
            jobs=client.politeness.jobs,
            per_host=client.politeness.per_host,
        )

    def run(self, sources: Sequence[str]) -> None:
        """List the images of addresses and local files.

        Raises:
          UserError: a source is neither an address nor a file.
          OSError: the list cannot be written.
        """
        try:
            for source in sources:
                self._add(_content_of_argument(source))
            self._pool.run(self._client.stop)
        finally:
            self._images.close()
            self._pages.close()

    def _read(self, source: _Source) -> _Content:
        try:
            return self._client.retried(lambda: self._fetch(source))
        except Exception as error:
            return _Content(failed=[(source.address, reason_of(error))])

    def _fetch(self, source: _Source) -> _Content:
        with self._client.get(source.address, source.origin, _ACCEPT) as response:
            kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            content = bytearray()
            limit = MAX_PAGE_BYTES if kind in _PAGE_TYPES else MAX_SITEMAP_BYTES
            for chunk in self._client.chunks(response):
                content += chunk
                if len(content) > limit:
                    raise Failure(f"more than {limit // 2**20} MiB")
        plain = unpacked(bytes(content))
        if is_sitemap(plain):
            return _content_of_sitemap(plain, response.url, source.origin)
        if kind in _PAGE_TYPES:
            charset = _charset(response.headers["Content-Type"])
            return _content_of_page(plain, response.url, charset)
        if kind == "text/plain":
            return _content_of_lines(plain, response.url, response.url)
        raise Failure(f"neither a page nor a sitemap, but {kind or 'without a type'}")

    def _finished(self, source: _Source, content: _Content) -> None:
        self._add(content)
        if content.is_page:
            self.result.pages += 1
            page = VisitedPage(source.address, len(content.images), now())
            self._pages.append(as_line(page))
        total = len(self._seen)
        self._show(total - self._pool.left, total)

    def _add(self, content: _Content) -> None:
        self.result.failed += content.failed
        for image in content.images:
            self._add_image(image)
        for source in content.sources:
            self._add_source(source)

    def _add_image(self, image: ListedImage) -> None:
        if image.address in self._known:
            self.result.known += 1
            return
        self._images.append(as_line(dataclasses.replace(image, when=now())))
        self._known.add(image.address)
        self.result.new += 1

    def _add_source(self, source: _Source) -> None:
        if source.address in self._seen:
            return
        if source.address in self._visited:
            self.result.skipped_pages += 1
        elif self._pages_left == 0:
            self.result.unread_pages += 1
        else:
            self._pages_left -= 1
            self._pool.add(source)
            self._seen.add(source.address)


def _content_of_argument(source: str) -> _Content:
    try:
        if "://" in source:
            address = normalised(source)
            if is_image_address(address):
                return _Content(images=[ListedImage(address)])
            return _Content(sources=[_Source(address, address)])
        content = unpacked(Path(source).read_bytes())
        if is_sitemap(content):
            return _content_of_sitemap(content, "", "")
    except OSError as error:
        raise UserError(
            f"{source} is neither an address (https://...) nor a file: {error.strerror}"
        ) from error
    except Failure as failure:
        raise UserError(f"{source}: {failure}") from failure
    return _content_of_lines(content, source, "")


def _content_of_page(content: bytes, address: str, charset: str | None) -> _Content:
    page = read_page(content, address, charset)
    licence = " ".join(page.licences)
    images = [ListedImage(image.address, address, image.title, licence) for image in page.images]
    return _Content(is_page=True, images=images)


def _content_of_sitemap(content: bytes, address: str, origin: str) -> _Content:
    """Return listed images, and as sources the pages for which the sitemap lists no images."""
    sitemap = read_sitemap(content)
    result = _Content()
    for entry in sitemap.entries:
        page = _normalised_or_failed(entry.address, address, result)
        for image in entry.images:
            if full := _normalised_or_failed(image.address, address, result):
                result.images.append(ListedImage(full, page or address, image.title, image.licence))
        if page and is_image_address(page):
            result.images.append(ListedImage(page, address))
        elif page and not entry.images:
            result.sources.append(_Source(page, origin or page))
    for other in sitemap.sitemaps:
        if full := _normalised_or_failed(other, address, result):
            result.sources.append(_Source(full, origin or full))
    return result


def _content_of_lines(content: bytes, name: str, page: str) -> _Content:
    """Return one image address per line; empty lines and those that begin with # are skipped."""
    result = _Content()
    for number, line in enumerate(content.decode("utf-8-sig", errors="replace").splitlines(), 1):
        if (text := line.strip()) and not text.startswith("#"):
            try:
                result.images.append(ListedImage(normalised(text), page))
            except Failure as failure:
                result.failed.append((f"{name}, line {number}", str(failure)))
    return result


def _normalised_or_failed(address: str, base: str, result: _Content) -> str:
    """Return the normal form; if there is none, return "" and note the failure in `result`."""
    try:
        return normalised(address, base) if address else ""
    except Failure as failure:
        result.failed.append((base or "the sitemap", str(failure)))
        return ""


def _charset(content_type: str) -> str | None:
    header = Message()
    header["Content-Type"] = content_type
    return header.get_content_charset()
