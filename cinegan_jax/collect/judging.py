"""Properties of an image that decide whether it stays: decodable, size, chroma, likeness."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import imagehash
import numpy as np
from PIL import Image

from cinegan_jax.photos.decode import decode
from cinegan_jax.photos.photo import UnreadablePhoto
from cinegan_jax.photos.read import Probe, probe

_MAX_PIXELS = 89_000_000
"""Largest image that is decoded; its header is checked first."""
_REDUCED = (64, 64)
_COLOURED_SHARE = 1.0
"""Percentage of the area whose chroma counts."""


@dataclass(frozen=True)
class Judgement:
    """A line of `judged.jsonl`: properties of an image file.

    Attributes:
      file: name of the file.
      bytes: size of the file.
      mtime_ns: modification time; with `bytes` it detects a changed file.
      broken: why it cannot be decoded; empty if it can.
      width: in pixels, after EXIF rotation.
      height: likewise.
      chroma: the difference between the largest and smallest channel, 0 to 255, that 1 % of the
        area exceeds.
      likeness: 64-bit perceptual hash, hexadecimal; similar images have near hashes.
    """

    file: str
    bytes: int
    mtime_ns: int
    broken: str = ""
    width: int = 0
    height: int = 0
    chroma: float = 0.0
    likeness: str = "0" * 16

    def is_of(self, path: Path) -> bool:
        """Return True if the file has not changed since."""
        now = path.stat()
        return (self.bytes, self.mtime_ns) == (now.st_size, now.st_mtime_ns)


def judge(
    path: Path,
    probe: Callable[[Path], Probe] = probe,
    decode: Callable[[Path], np.ndarray] = decode,
) -> Judgement:
    """Decode an image in full and measure it.

    Args:
      path: the file.
      probe, decode: read the header and the pixels, as `photos.read.probe` and
        `photos.decode.decode` do.
    """
    file = path.stat()
    known = (path.name, file.st_size, file.st_mtime_ns)
    try:
        header = probe(path)
        if header.width * header.height > _MAX_PIXELS:
            size = f"{header.width}x{header.height} pixels"
            return Judgement(*known, broken=f"{size}, more than {_MAX_PIXELS // 10**6} megapixels")
        pixels = decode(path)
    except UnreadablePhoto as error:
        return Judgement(*known, broken=str(error).removeprefix(f"{path}: "))
    height, width, _ = pixels.shape
    image = Image.fromarray(pixels)
    return Judgement(*known, "", width, height, chroma(image), str(imagehash.phash(image)))


def chroma(image: Image.Image) -> float:
    """Return the chroma of an RGB image, 0 to 255; see Judgement.

    The image is reduced first, so that colour noise does not count.
    """
    small = np.asarray(image.resize(_REDUCED, Image.Resampling.BOX))
    return float(np.percentile(np.ptp(small, axis=-1), 100 - _COLOURED_SHARE))


def nearest_kept(hashes: np.ndarray, distance: int) -> np.ndarray:
    """Drop near-duplicates greedily, in the given order.

    An image is kept unless it is near one that is already kept. So each dropped image is near a
    kept one, no two kept ones are near each other, and chains of small differences do not drop
    images that differ much.

    Args:
      hashes: perceptual hashes, uint64 [n]; the images to prefer come first.
      distance: maximum number of differing bits of near images.

    Returns:
      int64 [n]: index of the nearest image kept before each image, or its own index if it is kept.
      Takes n * kept / 2 comparisons: a few seconds for 100,000 images.
    """
    kept = np.empty(len(hashes), np.uint64)
    places = np.empty(len(hashes), np.int64)
    result = np.empty(len(hashes), np.int64)
    count = 0
    for index, value in enumerate(hashes):
        distances = np.bitwise_count(kept[:count] ^ value)
        nearest = int(distances.argmin()) if count else 0
        if count and distances[nearest] <= distance:
            result[index] = places[nearest]
            continue
        result[index], kept[count], places[count] = index, value, index
        count += 1
    return result


def bits_between(one: str, other: str) -> int:
    """Return the number of differing bits of two hexadecimal hashes."""
    return (int(one, 16) ^ int(other, 16)).bit_count()
