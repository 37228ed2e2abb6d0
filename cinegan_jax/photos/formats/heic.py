"""HEIC (HEIF with HEVC) with 8, 10 or 12 bits, by libheif; needs the extra `heif`."""

import io
from typing import Any

import numpy as np

from cinegan_jax.core.errors import how_to_install
from cinegan_jax.photos.cicp import profile_of_code_points
from cinegan_jax.photos.metadata import Metadata
from cinegan_jax.photos.photo import OpenedImage, StoredImage, Unsupported
from cinegan_jax.photos.pillow_image import joined, split

try:
    import pillow_heif
except ImportError:
    pillow_heif = None  # type: ignore[assignment]

_QUALITY = 90
"""Default quality; a file does not record the quality it was written with."""

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def open_file(data: bytes) -> OpenedImage:
    """Read the header of a HEIC file (see `registry.FormatModule`)."""
    if pillow_heif is None:
        raise Unsupported(f"a HEIC file; to read it: {how_to_install('heif')}")
    file = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
    image = file[file.primary_index]

    def decode() -> StoredImage:
        samples, space, alpha = split(_decoded(image))
        info: dict[str, Any] = dict(image.info)
        pillow_heif.set_orientation(info)  # libheif has applied the orientation
        return StoredImage(
            samples,
            space,
            alpha,
            profile=info.get("icc_profile") or profile_of_code_points(data),
            metadata=Metadata(
                (info.get("exif") or b"").removeprefix(b"Exif\0\0"), info.get("xmp") or b""
            ),
            notes=(f"has {len(file)} images; the main one is used",) if len(file) > 1 else (),
        )

    return OpenedImage("heic", *image.size, decode)


def encode(image: StoredImage, quality: int | None) -> bytes:
    """Return a HEIC file, of 10 bits where the samples have 16."""
    samples = joined(image)
    height, width = samples.shape[:2]
    mode = _MODES[samples[0, 0].size] + (";16" if samples.dtype == np.uint16 else "")
    file = io.BytesIO()
    pillow_heif.encode(
        mode,
        (width, height),
        samples.tobytes(),
        file,
        quality=quality or _QUALITY,
        chroma=444,
        icc_profile=image.profile,
        exif=image.metadata.exif or None,
        xmp=image.metadata.xmp or None,
    )
    return file.getvalue()


def _decoded(image: "pillow_heif.HeifImage") -> np.ndarray:
    samples = np.asarray(image)
    if samples.dtype == np.uint8:
        return samples
    return samples | samples >> image.info["bit_depth"]  # the lowest bits are empty
