"""Camera RAW, by LibRaw; the extra `raw` brings it."""

import io

from cinegan_jax.core.errors import how_to_install
from cinegan_jax.photos import metadata
from cinegan_jax.photos.photo import Opened, Picture, Unsupported
from cinegan_jax.photos.profiles import srgb_profile

try:
    import rawpy
except ImportError:
    rawpy = None  # type: ignore[assignment]


def open_file(data: bytes) -> Opened:
    """See `registry.Format`."""
    if rawpy is None:
        raise Unsupported(f"a camera RAW file; to read it: {how_to_install('raw')}")
    raw = rawpy.RawPy()
    raw.open_buffer(io.BytesIO(data))

    def decode() -> Picture:
        raw.unpack()
        samples = raw.postprocess(
            use_camera_wb=True, output_color=rawpy.ColorSpace.sRGB, output_bps=16
        )
        raw.close()
        height, width = samples.shape[:2]
        found = metadata.of_file(data)
        notes = () if found else (metadata.DAMAGED,)
        shot = metadata.upright(found or metadata.Metadata(), width, height, srgb=True)
        return Picture(samples, profile=srgb_profile(), metadata=shot, notes=notes)

    return Opened("raw", raw.sizes.width, raw.sizes.height, decode)
