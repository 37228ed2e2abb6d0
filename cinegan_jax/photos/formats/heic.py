"""HEIC (HEIF with HEVC) with 8, 10 or 12 bits, by libheif; needs the extra `heif`."""

import io
from typing import Any

import numpy as np

from cinegan_jax.core.errors import how_to_install
from cinegan_jax.photos.cicp import profile_of_video
from cinegan_jax.photos.further_items import notes_on_further_items
from cinegan_jax.photos.isobmff import code_points
from cinegan_jax.photos.metadata import FileMetadata, Metadata, readable_parts, upright
from cinegan_jax.photos.photo import DeepCoding, OpenedImage, StoredImage, Unsupported, deep_bits
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
        turn = pillow_heif.set_orientation(info) or 1  # libheif has applied the orientation
        stored = Metadata(
            (info.get("exif") or b"").removeprefix(b"Exif\0\0"), info.get("xmp") or b""
        )
        shot, lost = _turned(stored, turn, *image.size)
        named = code_points(data)
        named_profile = profile_of_video(*named, space) if named else None
        return StoredImage(
            samples,
            space,
            alpha,
            profile=info.get("icc_profile") or named_profile,
            metadata=shot,
            coding=DeepCoding(info["bit_depth"]) if samples.dtype == np.uint16 else None,
            notes=_images(len(file)) + notes_on_further_items(data) + lost,
        )

    return OpenedImage("heic", *image.size, decode)


def _turned(stored: Metadata, turn: int, width: int, height: int) -> FileMetadata:
    """Move what has a place in the photo, as libheif has turned the pixels."""
    if turn == 1:
        return FileMetadata(stored, ())
    sound, damage = readable_parts(stored)
    shot, lost = upright(sound, turn, width, height, srgb=False)
    return FileMetadata(shot, damage + lost)


def _images(count: int) -> tuple[str, ...]:
    return (f"has {count} images; the main one is used",) if count > 1 else ()


def encode(image: StoredImage, quality: int | None) -> bytes:
    """Return a HEIC file; of samples of 16 bits, with 12 bits where the source has them, or 10."""
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
        bit_depth=deep_bits(image.coding),
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
