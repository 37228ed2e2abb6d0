"""Camera RAW files, decoded by LibRaw; needs the extra `raw`."""

import io

from cinegan_jax.core.errors import how_to_install
from cinegan_jax.photos import metadata
from cinegan_jax.photos.photo import FileMetadata, OpenedImage, StoredImage, Unsupported
from cinegan_jax.photos.profiles import srgb_profile

try:
    import rawpy
except ImportError:
    rawpy = None  # type: ignore[assignment]


def open_file(data: bytes) -> OpenedImage:
    """Read the header of a RAW file (see `registry.FormatModule`)."""
    if rawpy is None:
        raise Unsupported(f"a camera RAW file; to read it: {how_to_install('raw')}")
    raw = rawpy.RawPy()
    raw.open_buffer(io.BytesIO(data))

    def decode() -> StoredImage:
        """Demosaic the sensor data; LibRaw also applies the orientation."""
        raw.unpack()
        samples = raw.postprocess(
            use_camera_wb=True, output_color=rawpy.ColorSpace.sRGB, output_bps=16
        )
        raw.close()
        return StoredImage(samples, profile=srgb_profile())

    def read_metadata(image: StoredImage) -> FileMetadata:
        found, notes = metadata.from_file(data)
        height, width = image.samples.shape[:2]
        turn = metadata.orientation(found)
        shot, lost = metadata.upright(found, turn, width, height, srgb=True)
        return FileMetadata(shot, notes + lost)

    return OpenedImage("raw", raw.sizes.width, raw.sizes.height, decode, read_metadata)
