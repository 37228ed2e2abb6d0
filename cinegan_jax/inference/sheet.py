"""Contact sheets: pictures side by side, for people to judge."""

import io
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cinegan_jax.inference.picture_grid import GUTTER, INK, PAPER, picture_grid
from cinegan_jax.storage import AnyPath

COLUMNS = ("photo", "generated", "target")
CAPTION = 28
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
    strip = _paper(len(words), width, CAPTION)
    draw = ImageDraw.Draw(strip)
    font = ImageFont.load_default(size=CAPTION * 0.6)
    for column, word in enumerate(words):
        centre = GUTTER + column * (width + GUTTER) + width // 2
        draw.text((centre, CAPTION // 2), word, fill=INK, font=font, anchor="mm")
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
