"""The images that an HTML page or a sitemap names."""

import re
import zlib
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError

from bs4 import BeautifulSoup, Tag
from defusedxml import DefusedXmlException, ElementTree

from cinegan_jax.collect.addresses import Failure, is_image_address, normalised

MAX_SITEMAP_BYTES = 50 * 2**20
"""Decompressed size limit of a sitemap, by https://www.sitemaps.org/protocol.html."""
_SITEMAP_ROOT = re.compile(rb"<(?:\w+:)?(?:urlset|sitemapindex)[\s>]")
_GZIP = b"\x1f\x8b"
_UNSUPPORTED_TYPES = ("image/avif", "image/gif", "image/heic", "image/jxl", "image/svg+xml")


class NamedImage(NamedTuple):
    """An image as its page or sitemap names it; a sitemap's addresses are as written."""

    address: str
    title: str = ""
    licence: str = ""


class Page(NamedTuple):
    """Images and licence addresses (`rel="license"`) of an HTML page."""

    images: list[NamedImage]
    licences: list[str]


class SitemapEntry(NamedTuple):
    """A page in a sitemap, and the images that the sitemap lists for it."""

    address: str
    images: list[NamedImage]


class Sitemap(NamedTuple):
    """Pages and further sitemaps that a sitemap lists, addresses as written."""

    entries: list[SitemapEntry]
    sitemaps: list[str]


def read_page(content: bytes, address: str, charset: str | None = None) -> Page:
    """Parse an HTML or XHTML page.

    Images are those of `img` and `picture`, each in its largest readable size, links whose address
    has an image suffix, and `og:image`.

    Args:
      content: the bytes of the page.
      address: base of relative addresses, unless the page has a `base`.
      charset: as the server declares it; otherwise the page's own declaration counts.
    """
    soup = BeautifulSoup(content, "html.parser", from_encoding=charset)
    base_tag = soup.select_one("base[href]")
    base = (_absolute(_text(base_tag, "href"), address) if base_tag else None) or address
    titles: dict[str, str] = {}
    for found, title in _images(soup):
        if full := _absolute(found, base):
            titles[full] = titles.get(full) or title
    links = soup.select("link[rel~=license][href], a[rel~=license][href]")
    licences = [_absolute(_text(link, "href"), base) for link in links]
    images = [NamedImage(full, title) for full, title in titles.items()]
    return Page(images, list(dict.fromkeys(filter(None, licences))))


def largest(srcset: str) -> str | None:
    """Return the address of the largest size in a `srcset`, the first of equal ones."""
    found = candidates(srcset)
    return max(found, key=lambda candidate: candidate[1])[0] if found else None


def candidates(srcset: str) -> list[tuple[str, float]]:
    """Return the addresses and sizes of a `srcset`, in order; skip malformed ones.

    A size is a width (`800w`) or a density (`2x`), 1 where it is absent. An address ends at white
    space and may contain commas, but not at its ends
    (https://html.spec.whatwg.org/multipage/images.html#srcset-attributes).
    """
    found = []
    rest = srcset
    while rest := rest.lstrip(", \t\n\f\r"):
        space = re.search(r"\s", rest)
        address, _, rest = rest.partition(space[0] if space else " ")
        descriptor = ""
        if not address.endswith(","):
            descriptor, _, rest = rest.partition(",")
        size = _size(descriptor)
        if size is not None:
            found.append((address.rstrip(","), size))
    return found


def unpacked(content: bytes) -> bytes:
    """Decompress a gzip file and return any other as it is.

    Raises:
      Failure: it is larger than MAX_SITEMAP_BYTES, or broken.
    """
    if not content.startswith(_GZIP):
        return content
    stream = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        plain = stream.decompress(content, MAX_SITEMAP_BYTES)
    except zlib.error as error:
        raise Failure(f"broken gzip: {error}") from error
    if stream.unconsumed_tail:
        raise Failure(f"more than {MAX_SITEMAP_BYTES // 2**20} MiB after decompression")
    if not stream.eof:
        raise Failure("truncated gzip")
    return plain


def is_sitemap(content: bytes) -> bool:
    """Return True if a file begins like a sitemap or a sitemap index."""
    return _SITEMAP_ROOT.search(content[:4096]) is not None


def read_sitemap(content: bytes) -> Sitemap:
    """Parse a sitemap or sitemap index, with Google's image tags.

    Raises:
      Failure: it is malformed, or declares entities or a document type.
    """
    try:
        root = ElementTree.fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise Failure(f"a broken or unsafe sitemap: {error}") from error
    entries = [_entry(url) for url in root.findall("{*}url")]
    sitemaps = [_child(each, "loc") for each in root.findall("{*}sitemap")]
    return Sitemap([e for e in entries if e.address or e.images], list(filter(None, sitemaps)))


def _images(soup: BeautifulSoup) -> Iterator[tuple[str, str]]:
    """Yield addresses as written, and titles."""
    for image in soup.select("img"):
        yield _largest(image), _text(image, "alt") or _text(image, "title")
    for link in soup.select("a[href]"):
        if is_image_address(_text(link, "href")):
            yield _text(link, "href"), _text(link, "title") or link.get_text(" ", strip=True)
    for meta in soup.select('meta[property="og:image"][content]'):
        title = soup.select_one('meta[property="og:image:alt"][content]')
        yield _text(meta, "content"), _text(title, "content") if title else ""


def _largest(image: Tag) -> str:
    """Return the largest size of an `img`, or of the `picture` around it."""
    picture = image.find_parent("picture")
    sources = picture.select("source[srcset], source[data-srcset]") if picture else []
    readable = [s for s in sources if _text(s, "type").lower() not in _UNSUPPORTED_TYPES]
    sizes = ", ".join(filter(None, (_or_lazy(tag, "srcset") for tag in (*readable, image))))
    return largest(sizes) or _or_lazy(image, "src")


def _or_lazy(tag: Tag, attribute: str) -> str:
    """Return an attribute, or its `data-` form, from which scripts load it when it is in view."""
    return _text(tag, f"data-{attribute}") or _text(tag, attribute)


def _text(tag: Tag, attribute: str) -> str:
    value = tag.get(attribute)
    return value.strip() if isinstance(value, str) else ""


def _absolute(address: str, base: str) -> str | None:
    """Return the normal form, or None if it cannot be fetched, like a `data:` image."""
    try:
        return normalised(address, base) if address else None
    except Failure:
        return None


def _size(descriptor: str) -> float | None:
    words = descriptor.split()
    if not words:
        return 1.0
    number = re.fullmatch(r"(\d+|\d*\.\d+)[wx]", words[0])
    return float(number[1]) if number else None


def _entry(url: Element) -> SitemapEntry:
    images = [
        NamedImage(
            _child(image, "loc"),
            _child(image, "title") or _child(image, "caption"),
            _child(image, "license"),
        )
        for image in url.findall("{*}image")
    ]
    return SitemapEntry(_child(url, "loc"), [image for image in images if image.address])


def _child(parent: Element, name: str) -> str:
    return (parent.findtext(f"{{*}}{name}") or "").strip()
