"""AVIF with 8, 10 or 12 bits, by libavif.

Pillow writes 8 bits and reads animations: imagecodecs corrupts memory when it decodes one frame of
several. imagecodecs reads single images and writes 10 and 12 bits.
"""

import io

import imagecodecs
import numpy as np
from PIL.AvifImagePlugin import AvifImageFile

from cinegan_jax.photos.cicp import profile_of_video
from cinegan_jax.photos.further_items import notes_on_further_items
from cinegan_jax.photos.isobmff import code_points, with_metadata
from cinegan_jax.photos.levels import narrowed, widened
from cinegan_jax.photos.metadata import Metadata
from cinegan_jax.photos.photo import DeepCoding, OpenedImage, StoredImage, deep_bits
from cinegan_jax.photos.pillow_image import image_of, joined, samples_of, split

_QUALITY = 90
"""Default quality; a file does not record the quality it was written with."""
_SPEED = 6
_SRGB = (1, 13)
_UNSPECIFIED = (2, 2)


def open_file(data: bytes) -> OpenedImage:
    """Read the header of an AVIF file (see `registry.FormatModule`)."""
    image = AvifImageFile(io.BytesIO(data))
    info, frames, bits = image.info, image.n_frames, _bits(data)

    def decode() -> StoredImage:
        notes: tuple[str, ...] = (f"has {frames} frames; the first is used",) if frames > 1 else ()
        if frames > 1:
            samples, space, alpha = samples_of(image)
            notes += (f"its {bits} bits become 8",) if bits > 8 else ()
        else:
            decoded = imagecodecs.avif_decode(data)
            samples, space, alpha = split(widened(decoded, bits) if bits > 8 else decoded)
        named = code_points(data)
        named_profile = profile_of_video(*named, space) if named else None
        return StoredImage(
            samples,
            space,
            alpha,
            profile=info.get("icc_profile") or named_profile,
            metadata=Metadata(
                info.get("exif", b"").removeprefix(b"Exif\0\0"), info.get("xmp", b"")
            ),
            coding=DeepCoding(bits) if samples.dtype == np.uint16 else None,
            notes=notes + notes_on_further_items(data),
        )

    return OpenedImage("avif", image.width, image.height, decode)


def encode(image: StoredImage, quality: int | None) -> bytes:
    """Return an AVIF file; of samples of 16 bits, with 12 bits where the source has them, or 10."""
    if image.samples.dtype == np.uint16:
        return _deep(image, quality or _QUALITY)
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


def _deep(image: StoredImage, quality: int) -> bytes:
    bits = deep_bits(image.coding)
    primaries, transfer = _UNSPECIFIED if image.profile else _SRGB
    file = imagecodecs.avif_encode(
        narrowed(joined(image), bits),
        quality,
        speed=_SPEED,
        bitspersample=bits,
        pixelformat="444" if image.samples.shape[-1] == 3 else "400",
        primaries=primaries,
        transfer=transfer,
    )
    return with_metadata(bytes(file), image.profile, image.metadata)


def _bits(data: bytes) -> int:
    """Return the bits per sample of the main image (AV1 in ISOBMFF, 2.3)."""
    config = data.find(b"av1C")
    flags = data[config + 6] if 0 <= config < len(data) - 6 else 0
    return 8 if not flags & 0x40 else 12 if flags & 0x20 else 10
