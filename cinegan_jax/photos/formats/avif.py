"""AVIF with 8, 10 or 12 bits, by libavif; written with 8."""

import io

import imagecodecs
import numpy as np
from PIL.AvifImagePlugin import AvifImageFile

from cinegan_jax.photos.cicp import profile_of_code_points
from cinegan_jax.photos.levels import widened
from cinegan_jax.photos.metadata import Metadata
from cinegan_jax.photos.photo import OpenedImage, StoredImage
from cinegan_jax.photos.pillow_image import image_of, split

_QUALITY = 90
"""Default quality; a file does not record the quality it was written with."""


def open_file(data: bytes) -> OpenedImage:
    """Read the header of an AVIF file (see `registry.FormatModule`)."""
    image = AvifImageFile(io.BytesIO(data))
    info, frames = image.info, image.n_frames

    def decode() -> StoredImage:
        samples, space, alpha = split(_decoded(data))
        return StoredImage(
            samples,
            space,
            alpha,
            profile=info.get("icc_profile") or profile_of_code_points(data),
            metadata=Metadata(
                info.get("exif", b"").removeprefix(b"Exif\0\0"), info.get("xmp", b"")
            ),
            notes=(f"has {frames} frames; the first is used",) if frames > 1 else (),
        )

    return OpenedImage("avif", image.width, image.height, decode)


def encode(image: StoredImage, quality: int | None) -> bytes:
    """Return an AVIF file of 8 bits."""
    file = io.BytesIO()
    image_of(image).save(
        file,
        "avif",
        quality=quality or _QUALITY,
        subsampling="4:4:4" if image.samples.shape[-1] == 3 else "4:0:0",
        icc_profile=image.profile,
        exif=image.metadata.exif,
        xmp=image.metadata.xmp,
    )
    return file.getvalue()


def _decoded(data: bytes) -> np.ndarray:
    samples = imagecodecs.avif_decode(data, index=0)
    if samples.dtype == np.uint8:
        return samples
    config = data.find(b"av1C")
    return widened(samples, 12 if data[config + 6] & 0x20 else 10)
