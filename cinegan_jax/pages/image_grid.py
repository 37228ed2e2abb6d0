"""Image grids and contact sheets: images side by side under captions."""

import io
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.special import expit

from cinegan_jax.core.storage import AnyPath

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
    """How real a discriminator finds pictures, 0 to 1: the logistic function of its logits [n]."""
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


COLUMNS = ("photo", "generated", "target")
SHEET_CAPTION = 28
"""Height of a line of text, in pixels."""


def grid(photos: np.ndarray, generated: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Rows of photo | generated | target on white, with gutters.

    Args:
        photos, generated, targets: uint8 [n, h, w, 3] each.

    Returns:
        uint8 [n * (h + gutter) + gutter, 3 * (w + gutter) + gutter, 3].
    """
    cells = np.stack([photos, generated, targets], axis=1)
    return picture_grid(cells.reshape(-1, *cells.shape[2:]), columns=3)


def contact_sheet(
    captions: Sequence[str],
    rows: Iterable[Sequence[np.ndarray]],
    path: AnyPath,
    *,
    width: int = 320,
) -> None:
    """Writes rows of pictures under captions, reduced (Lanczos) into boxes of 4:3, never enlarged.

    Args:
        captions: a word or two for each column.
        rows: uint8 [h, w, 3] for each column; at least one row.
        path: the file to write: a JPEG where it ends in .jpg, else a PNG.
        width: of a box, in pixels.
    """
    strips = [_row([_fit(picture, width) for picture in row], width) for row in rows]
    file = io.BytesIO()
    kind = "jpeg" if path.suffix == ".jpg" else "png"
    _stack([_captions(captions, width), *strips]).save(file, kind, optimize=True, quality=85)
    path.write_bytes(file.getvalue())


def _fit(picture: np.ndarray, width: int) -> Image.Image:
    image = Image.fromarray(picture)
    image.thumbnail((width, width * 3 // 4), Image.Resampling.LANCZOS)
    return image


def _row(pictures: Sequence[Image.Image], width: int) -> Image.Image:
    """The pictures of one pair, each in the middle of its column."""
    strip = _paper(len(pictures), width, max(picture.height for picture in pictures) + GUTTER)
    for column, picture in enumerate(pictures):
        left = GUTTER + column * (width + GUTTER) + (width - picture.width) // 2
        strip.paste(picture, (left, 0))
    return strip


def _captions(words: Sequence[str], width: int) -> Image.Image:
    strip = _paper(len(words), width, SHEET_CAPTION)
    draw = ImageDraw.Draw(strip)
    font = ImageFont.load_default(size=SHEET_CAPTION * 0.6)
    for column, word in enumerate(words):
        centre = GUTTER + column * (width + GUTTER) + width // 2
        draw.text((centre, SHEET_CAPTION // 2), word, fill=INK, font=font, anchor="mm")
    return strip


def _paper(columns: int, width: int, height: int) -> Image.Image:
    return Image.new("RGB", (GUTTER + columns * (width + GUTTER), height), PAPER)


def _stack(strips: Sequence[Image.Image]) -> Image.Image:
    sheet = Image.new("RGB", (strips[0].width, sum(strip.height for strip in strips)), PAPER)
    top = 0
    for strip in strips:
        sheet.paste(strip, (0, top))
        top += strip.height
    return sheet
