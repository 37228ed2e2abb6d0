"""Image files and metadata for tests."""

import io
from typing import Any

import imagecodecs
from colour import RGB_Colourspace
from PIL import Image

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
    b' xmlns:xmp="http://ns.adobe.com/xap/1.0/" tiff:Orientation="ORIENTATION" xmp:Rating="4"/>'
    b"</rdf:RDF></x:xmpmeta>"
)


def exif_of(orientation: int, **photo_tags: int) -> Image.Exif:
    """EXIF as a camera writes it: make, orientation, date, place, size."""
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    exif[0x0112] = orientation
    exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    exif.get_ifd(0x8769)[0xA002] = photo_tags.get("width", 1)
    exif.get_ifd(0x8769)[0xA003] = photo_tags.get("height", 1)
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.5)
    return exif


def saved(image: Image.Image, format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def reread(data: bytes) -> Image.Image:
    """Decode an image file with Pillow."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def rgb_profile(space: RGB_Colourspace, gamma: float) -> bytes:
    """A matrix profile of a colour space of colour-science, with a plain gamma."""
    primaries = [v for x, y in space.primaries for v in (x, y, 1.0)]
    return imagecodecs.cms_profile(
        "rgb", whitepoint=(*space.whitepoint, 1.0), primaries=primaries, gamma=gamma
    )
