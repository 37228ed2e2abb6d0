"""Pictures inside a page."""

import base64
import io

from PIL import Image

QUALITY = 82
"""Of JPEG: 4:2:0, where a picture of 800 pixels takes some 100 kB."""


def to_jpeg(picture: Image.Image, side: int, quality: int = QUALITY) -> bytes:
    """A JPEG of the picture, its long side reduced to `side` pixels where it is longer."""
    reduced = picture.convert("RGB")
    reduced.thumbnail((side, side), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    reduced.save(file, "jpeg", quality=quality, optimize=True, progressive=True)
    return file.getvalue()


def data_uri(jpeg: bytes) -> str:
    """The JPEG as an address that holds it whole."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
