"""YCbCr samples of a TIFF (TIFF 6.0, section 21) that are not compressed as JPEG."""

from collections.abc import Callable

import numpy as np
from tifffile import COMPRESSION, TIFF, TiffPage

from cinegan_jax.photos.levels import bands
from cinegan_jax.photos.photo import Unsupported

_BT_601 = (0.299, 0.587, 0.114)
_PLANES, _NO_PREDICTOR = 2, 1


def subsampling(page: TiffPage) -> tuple[int, int]:
    """Return the luma samples per chroma sample across and down; (2, 2) by default."""
    across, down = page.tags.valueof("YCbCrSubSampling", (2, 2))
    return int(across), int(down)


def subsampled(page: TiffPage, data: bytes) -> np.ndarray:
    """Decode YCbCr with fewer chroma samples; return uint8 [h, w, 3] with chroma repeated."""
    _require_blocks(page)
    width, length = page.tilewidth or page.imagewidth, page.tilelength or page.rowsperstrip
    decompress = _decompressor(page)
    result = np.empty((page.imagelength, page.imagewidth, 3), np.uint8)
    per_row = -(-page.imagewidth // width)
    places = zip(page.dataoffsets, page.databytecounts, strict=True)
    for index, (start, size) in enumerate(places):
        top, left = index // per_row * length, index % per_row * width
        rows = length if page.is_tiled else min(length, page.imagelength - top)
        segment = _segment(decompress(data[start : start + size]), width, rows, subsampling(page))
        target = result[top : top + length, left : left + width]
        target[...] = segment[: target.shape[0], : target.shape[1]]
    return result


def ycbcr_to_rgb(page: TiffPage, samples: np.ndarray) -> np.ndarray:
    """Convert YCbCr [h, w, 3] to RGB of the same dtype by the page's coefficients and range."""
    full = np.iinfo(samples.dtype).max
    red, green, blue = _rationals(page, "YCbCrCoefficients", _BT_601)
    middle = (full + 1) // 2
    default = (0, full, middle, full, middle, full)
    range_ = np.array(_rationals(page, "ReferenceBlackWhite", default)).reshape(3, 2)
    black, span = range_[:, 0], range_[:, 1] - range_[:, 0]
    coding = np.array([full, full // 2, full // 2])
    if (span <= 0).any() or green <= 0:
        raise ValueError("YCbCr without a range")
    result = np.empty_like(samples)
    for rows in bands(samples):
        y, cb, cr = np.moveaxis((samples[rows] - black) * (coding / span), -1, 0)
        r, b = y + cr * (2 - 2 * red), y + cb * (2 - 2 * blue)
        g = (y - blue * b - red * r) / green
        result[rows] = np.clip(np.rint(np.stack([r, g, b], axis=-1)), 0, full)
    return result


def _require_blocks(page: TiffPage) -> None:
    """Raise Unsupported unless blocks of 8-bit luma and chroma follow one another."""
    if (
        page.dtype != np.uint8
        or page.samplesperpixel != 3
        or page.planarconfig == _PLANES
        or page.predictor != _NO_PREDICTOR
    ):
        raise Unsupported(
            f"a TIFF of subsampled YCbCr {subsampling(page)} in this layout, which is not "
            "supported; save it as RGB"
        )


def _decompressor(page: TiffPage) -> Callable[[bytes], bytes]:
    if page.compression == COMPRESSION.NONE:
        return bytes
    decompress: Callable[[bytes], bytes] = TIFF.DECOMPRESSORS[page.compression]
    return decompress


def _segment(raw: bytes, width: int, rows: int, blocks: tuple[int, int]) -> np.ndarray:
    """Expand the blocks of one strip or tile to uint8 [rows or more, width or more, 3]."""
    if len(raw) == 3 * width * rows:  # some writers name a subsampling and do not apply it
        return np.frombuffer(raw, np.uint8).reshape(rows, width, 3)
    across, down = blocks
    shape = (-(-rows // down), -(-width // across), across * down + 2)
    block = np.frombuffer(raw, np.uint8, int(np.prod(shape))).reshape(shape)
    grid = block[..., :-2].reshape(*shape[:2], down, across)
    luma = grid.swapaxes(1, 2).reshape(shape[0] * down, shape[1] * across, 1)
    chroma = block[..., -2:].repeat(down, axis=0).repeat(across, axis=1)
    return np.concatenate([luma, chroma], axis=-1)


def _rationals(page: TiffPage, name: str, default: tuple[float, ...]) -> tuple[float, ...]:
    """Return a tag of numerators and denominators as numbers."""
    value = page.tags.valueof(name)
    if value is None or len(value) != 2 * len(default):
        return default
    return tuple(n / d if d else 0.0 for n, d in zip(value[::2], value[1::2], strict=True))
