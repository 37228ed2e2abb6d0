"""HEIC (HEIF with HEVC) with 8, 10 and 12 bits, by libheif; the extra `heif` brings it."""

import io
from typing import Any

import numpy as np

from cinegan_jax.core.errors import how_to_install
from cinegan_jax.photos.cicp import profile_of_numbers
from cinegan_jax.photos.metadata import Metadata
from cinegan_jax.photos.photo import Opened, Picture, Unsupported
from cinegan_jax.photos.pillow_image import joined, split

try:
    import pillow_heif
except ImportError:
    pillow_heif = None  # type: ignore[assignment]

QUALITY = 90
"""Which quality a source had does not stand in the file."""

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def open_file(data: bytes) -> Opened:
    """See `registry.Format`."""
    if pillow_heif is None:
        raise Unsupported(f"a HEIC file; to read it: {how_to_install('heif')}")
    file = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
    image = file[file.primary_index]

    def decode() -> Picture:
        samples, space, alpha = split(_decoded(image))
        info: dict[str, Any] = dict(image.info)
        pillow_heif.set_orientation(info)  # libheif has turned the picture
        return Picture(
            samples,
            space,
            alpha,
            profile=info.get("icc_profile") or profile_of_numbers(data),
            metadata=Metadata(
                (info.get("exif") or b"").removeprefix(b"Exif\0\0"), info.get("xmp") or b""
            ),
            notes=(f"has {len(file)} pictures; the main one is taken",) if len(file) > 1 else (),
        )

    return Opened("heic", *image.size, decode)


def encode(picture: Picture, quality: int | None) -> bytes:
    """With 10 bits where the samples have 16."""
    samples = joined(picture)
    height, width = samples.shape[:2]
    mode = _MODES[samples[0, 0].size] + (";16" if samples.dtype == np.uint16 else "")
    file = io.BytesIO()
    pillow_heif.encode(
        mode,
        (width, height),
        samples.tobytes(),
        file,
        quality=quality or QUALITY,
        chroma=444,
        icc_profile=picture.profile,
        exif=picture.metadata.exif or None,
        xmp=picture.metadata.xmp or None,
    )
    return file.getvalue()


def _decoded(image: "pillow_heif.HeifImage") -> np.ndarray:
    samples = np.asarray(image)
    if samples.dtype == np.uint8:
        return samples
    return samples | samples >> image.info["bit_depth"]  # the lowest bits are empty
