"""What a picture is like: whether it decodes, its size, its colour, what it resembles."""

from dataclasses import dataclass
from pathlib import Path

import imagehash
import numpy as np
from PIL import Image

from cinegan_jax.photos.decode import decode
from cinegan_jax.photos.photo import UnreadablePhoto
from cinegan_jax.photos.read import probe

MOST_PIXELS = 89_000_000
"""Of one picture; looked up before it is decoded."""
_REDUCED = (64, 64)
_COLOURED_SHARE = 1.0
"""Percent of a picture that is enough to make it a coloured one."""


@dataclass(frozen=True)
class Judgement:
    """A line of `judged.jsonl`: what a picture file is like.

    Attributes:
      file: its name.
      bytes: its length.
      mtime_ns: when it was last changed; with `bytes` this tells whether the line still holds.
      broken: why it cannot be decoded; empty if it can.
      width: in pixels, upright.
      height: likewise.
      chroma: how coloured it is: the largest difference of two channels, 0 to 255, that is
        exceeded in 1 % of its area.
      likeness: its perceptual hash of 64 bits, hexadecimal; near for pictures that look alike.
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
        """Whether it still holds of a file."""
        now = path.stat()
        return (self.bytes, self.mtime_ns) == (now.st_size, now.st_mtime_ns)


def judge(path: Path) -> Judgement:
    """Decodes a picture in full and looks at it."""
    file = path.stat()
    known = (path.name, file.st_size, file.st_mtime_ns)
    try:
        header = probe(path)
        if header.width * header.height > MOST_PIXELS:
            size = f"{header.width}x{header.height} pixels"
            return Judgement(*known, broken=f"{size}, more than {MOST_PIXELS // 10**6} megapixels")
        pixels = decode(path)
    except UnreadablePhoto as error:
        return Judgement(*known, broken=str(error).removeprefix(f"{path}: "))
    height, width, _ = pixels.shape
    image = Image.fromarray(pixels)
    return Judgement(*known, "", width, height, chroma(image), str(imagehash.phash(image)))


def chroma(image: Image.Image) -> float:
    """How coloured an RGB picture is, 0 to 255: see Judgement.

    The picture is reduced first, so that noise in the colours does not count.
    """
    small = np.asarray(image.resize(_REDUCED, Image.Resampling.BOX))
    return float(np.percentile(np.ptp(small, axis=-1), 100 - _COLOURED_SHARE))
