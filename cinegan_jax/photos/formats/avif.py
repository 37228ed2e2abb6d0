"""AVIF with 8, 10 and 12 bits, by libavif; written with 8."""

import io

import imagecodecs
import numpy as np
from PIL.AvifImagePlugin import AvifImageFile

from cinegan_jax.photos.cicp import profile_of_numbers
from cinegan_jax.photos.levels import widened
from cinegan_jax.photos.metadata import Metadata
from cinegan_jax.photos.photo import Opened, Picture
from cinegan_jax.photos.pillow_image import image_of, split

QUALITY = 90
"""Which quality a source had does not stand in the file."""


def open_file(data: bytes) -> Opened:
    """See `registry.Format`."""
    image = AvifImageFile(io.BytesIO(data))
    info, frames = image.info, image.n_frames

    def decode() -> Picture:
        samples, space, alpha = split(_decoded(data))
        return Picture(
            samples,
            space,
            alpha,
            profile=info.get("icc_profile") or profile_of_numbers(data),
            metadata=Metadata(
                info.get("exif", b"").removeprefix(b"Exif\0\0"), info.get("xmp", b"")
            ),
            notes=(f"has {frames} frames; the first is taken",) if frames > 1 else (),
        )

    return Opened("avif", image.width, image.height, decode)


def encode(picture: Picture, quality: int | None) -> bytes:
    """See `registry.Format`."""
    file = io.BytesIO()
    image_of(picture).save(
        file,
        "avif",
        quality=quality or QUALITY,
        subsampling="4:4:4" if picture.samples.shape[-1] == 3 else "4:0:0",
        icc_profile=picture.profile,
        exif=picture.metadata.exif,
        xmp=picture.metadata.xmp,
    )
    return file.getvalue()


def _decoded(data: bytes) -> np.ndarray:
    samples = imagecodecs.avif_decode(data, index=0)
    if samples.dtype == np.uint8:
        return samples
    config = data.find(b"av1C")
    return widened(samples, 12 if data[config + 6] & 0x20 else 10)
