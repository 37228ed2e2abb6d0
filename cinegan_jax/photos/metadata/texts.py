"""Texts with keywords, as PNG holds them, and their places in XMP."""

from collections.abc import Mapping
from dataclasses import replace

from cinegan_jax.photos.metadata.blocks import COMMENT, Metadata
from cinegan_jax.photos.metadata.iptc import Moved, added_to_xmp

_PLACES: Mapping[str, tuple[str, str]] = {
    "Title": ("Xmp.dc.title", "alt"),
    "Author": ("Xmp.dc.creator", "seq"),
    "Description": ("Xmp.dc.description", "alt"),
    "Copyright": ("Xmp.dc.rights", "alt"),
    "Software": ("Xmp.tiff.Software", "text"),
    "Source": ("Xmp.dc.source", "text"),
    COMMENT: ("Xmp.exif.UserComment", "alt"),
}
"""Properties of XMP that mean the same as a keyword of the PNG specification (11.3.3.2)."""


def texts_in_xmp(metadata: Metadata, held: frozenset[str]) -> Moved:
    """Move texts into XMP, except those whose keyword the format holds; XMP takes precedence."""
    own = tuple(text for text in metadata.texts if text.keyword in held)
    others = [text for text in metadata.texts if text.keyword not in held]
    values: dict[tuple[str, str], list[str]] = {}
    lost = []
    for text in others:
        if text.keyword in _PLACES:
            values.setdefault(_PLACES[text.keyword], []).append(text.content)
        else:
            lost.append(f"text “{text.keyword}”")
    moved = added_to_xmp(replace(metadata, texts=own), values)
    clashing = (f"text “{_keyword(name)}”" for name in moved.lost)
    return Moved(moved.metadata, (*lost, *clashing))


def _keyword(property_name: str) -> str:
    return next(word for word, (key, _) in _PLACES.items() if key == f"Xmp.{property_name}")
