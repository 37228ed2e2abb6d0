"""Pictures of one size row by row on white, each under its caption if it has one."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.special import expit

GUTTER = 8
CAPTION = 14
"""Height of a caption, in pixels; its letters have about half of that."""
PAPER, INK = (255, 255, 255), (32, 32, 32)


def picture_grid(
    pictures: np.ndarray, columns: int, captions: Sequence[str] | None = None
) -> np.ndarray:
    """Pictures in rows, the last row filled up with white, with gutters around each.

    Args:
        pictures: uint8 [n, h, w, 3], n of 1 or more.
        columns: pictures a row.
        captions: a few letters over each picture, n of them; cut off where they are wider.

    Returns:
        uint8 [rows * (h + gutter) + gutter, columns * (w + gutter) + gutter, 3]; with captions,
        h is higher by `CAPTION`.
    """
    cells = pictures if captions is None else _captioned(pictures, captions)
    rows = -(-len(cells) // columns)
    missing = [(0, rows * columns - len(cells)), (GUTTER, 0), (GUTTER, 0), (0, 0)]
    framed = np.pad(cells, missing, constant_values=PAPER[0])
    _, height, width, channels = framed.shape
    placed = framed.reshape(rows, columns, height, width, channels).transpose(0, 2, 1, 3, 4)
    grid = placed.reshape(rows * height, columns * width, channels)
    return np.pad(grid, [(0, GUTTER), (0, GUTTER), (0, 0)], constant_values=PAPER[0])


def score_captions(logits: np.ndarray) -> list[str]:
    """How real a critic finds pictures, 0 to 1: the logistic function of its logits [n]."""
    return [f"{score:.2f}" for score in expit(np.float64(logits))]


def _captioned(pictures: np.ndarray, captions: Sequence[str]) -> np.ndarray:
    strips = [_strip(caption, pictures.shape[2]) for caption in captions]
    return np.concatenate([np.stack(strips), pictures], axis=1)


def _strip(caption: str, width: int) -> np.ndarray:
    strip = Image.new("RGB", (width, CAPTION), PAPER)
    font = ImageFont.load_default(size=CAPTION * 0.8)
    middle = (width // 2, CAPTION // 2)
    ImageDraw.Draw(strip).text(middle, caption, fill=INK, font=font, anchor="mm")
    return np.asarray(strip)
