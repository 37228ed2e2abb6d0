"""Sitemaps (https://www.sitemaps.org/protocol.html) and lists of them, with Google's image tags."""

import re
import zlib
from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException, ElementTree

from cinegan_jax.collect.failure import Failure

LARGEST = 50 * 2**20
"""Bytes of a sitemap, unpacked, by the protocol."""
_BEGINS = re.compile(rb"<(?:\w+:)?(?:urlset|sitemapindex)[\s>]")
_GZIP = b"\x1f\x8b"


class ImageTag(NamedTuple):
    """A picture of a page in a sitemap."""

    address: str
    title: str
    licence: str


class Entry(NamedTuple):
    """A page of a sitemap, with the pictures on it that the sitemap names."""

    address: str
    images: list[ImageTag]


class Sitemap(NamedTuple):
    """What a sitemap names, addresses as written."""

    entries: list[Entry]
    sitemaps: list[str]


def unpacked(content: bytes) -> bytes:
    """Undoes gzip, where a file is so; raises Failure if that is more than LARGEST, or broken."""
    if not content.startswith(_GZIP):
        return content
    stream = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        plain = stream.decompress(content, LARGEST)
    except zlib.error as error:
        raise Failure(f"broken gzip: {error}") from error
    if stream.unconsumed_tail:
        raise Failure(f"more than {LARGEST // 2**20} MiB when unpacked")
    if not stream.eof:
        raise Failure("gzip that is cut short")
    return plain


def is_sitemap(content: bytes) -> bool:
    """Whether a file begins like a sitemap, or a list of them."""
    return _BEGINS.search(content[:4096]) is not None


def read_sitemap(content: bytes) -> Sitemap:
    """Reads a sitemap or a list of sitemaps; entities are refused, not expanded.

    Raises:
      Failure: it is broken, or declares entities or a document type.
    """
    try:
        root = ElementTree.fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise Failure(f"a broken or unsafe sitemap: {error}") from error
    entries = [_entry(url) for url in root.findall("{*}url")]
    sitemaps = [_text(each, "loc") for each in root.findall("{*}sitemap")]
    return Sitemap([e for e in entries if e.address or e.images], list(filter(None, sitemaps)))


def _entry(url: Element) -> Entry:
    images = [
        ImageTag(_text(i, "loc"), _text(i, "title") or _text(i, "caption"), _text(i, "license"))
        for i in url.findall("{*}image")
    ]
    return Entry(_text(url, "loc"), [image for image in images if image.address])


def _text(parent: Element, name: str) -> str:
    return (parent.findtext(f"{{*}}{name}") or "").strip()
