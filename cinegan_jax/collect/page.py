"""The pictures that an HTML page names."""

from collections.abc import Iterator
from typing import NamedTuple

from bs4 import BeautifulSoup, Tag

from cinegan_jax.collect.addresses import is_picture_address, normalised
from cinegan_jax.collect.failure import Failure
from cinegan_jax.collect.srcset import largest

_UNREAD_TYPES = ("image/avif", "image/gif", "image/heic", "image/jxl", "image/svg+xml")


class NamedPicture(NamedTuple):
    """A picture as a page names it."""

    address: str
    title: str


class Page(NamedTuple):
    """What a page says."""

    pictures: list[NamedPicture]
    licences: list[str]
    """Addresses, by `rel="license"`."""


def read_page(content: bytes, address: str, charset: str | None = None) -> Page:
    """Reads a page.

    Pictures are those of `img` and `picture`, each in its largest size, those that links lead to
    by an address that ends like a picture, and `og:image`.

    Args:
      content: HTML or XHTML.
      address: of the page, which relative addresses are seen from unless it has a `base`.
      charset: as the server says; else the page's own word is taken.
    """
    soup = BeautifulSoup(content, "html.parser", from_encoding=charset)
    base = _base(soup, address)
    named: dict[str, str] = {}
    for found, title in _pictures(soup):
        if full := _absolute(found, base):
            named[full] = named.get(full) or title
    pictures = [NamedPicture(full, title) for full, title in named.items()]
    links = soup.select("link[rel~=license][href], a[rel~=license][href]")
    licences = [_absolute(_text(link, "href"), base) for link in links]
    return Page(pictures, list(dict.fromkeys(filter(None, licences))))


def _base(soup: BeautifulSoup, address: str) -> str:
    tag = soup.select_one("base[href]")
    return (_absolute(_text(tag, "href"), address) if tag else None) or address


def _pictures(soup: BeautifulSoup) -> Iterator[tuple[str, str]]:
    """Addresses as written, and titles."""
    for image in soup.select("img"):
        yield _largest(image), _text(image, "alt") or _text(image, "title")
    for link in soup.select("a[href]"):
        if is_picture_address(_text(link, "href")):
            yield _text(link, "href"), _text(link, "title") or link.get_text(" ", strip=True)
    for meta in soup.select('meta[property="og:image"][content]'):
        title = soup.select_one('meta[property="og:image:alt"][content]')
        yield _text(meta, "content"), _text(title, "content") if title else ""


def _largest(image: Tag) -> str:
    """The largest size of an `img`, or of the `picture` that it is in."""
    picture = image.find_parent("picture")
    sources = picture.select("source[srcset], source[data-srcset]") if picture else []
    readable = [s for s in sources if _text(s, "type").lower() not in _UNREAD_TYPES]
    sizes = ", ".join(filter(None, (_either(tag, "srcset") for tag in (*readable, image))))
    return largest(sizes) or _either(image, "src")


def _either(tag: Tag, attribute: str) -> str:
    """An attribute, or the one that scripts load it from when the picture comes into view."""
    return _text(tag, f"data-{attribute}") or _text(tag, attribute)


def _text(tag: Tag, attribute: str) -> str:
    value = tag.get(attribute)
    return value.strip() if isinstance(value, str) else ""


def _absolute(address: str, base: str) -> str | None:
    """In normal form; None if it cannot be fetched, like the small pictures in `data:`."""
    if not address:
        return None
    try:
        return normalised(address, base)
    except Failure:
        return None
