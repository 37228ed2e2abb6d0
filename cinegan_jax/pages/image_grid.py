"""Image grids and contact sheets: images side by side, under captions."""

import io
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.special import expit

from cinegan_jax.core.storage import AnyPath

GUTTER = 8
"""Width of the white gaps between images, in pixels."""
CAPTION = 14
"""Height of a caption in a grid, in pixels; its letters have about half of that."""
PAIR_COLUMNS = ("photo", "generated", "target")

_SHEET_CAPTION = 28
"""Height of a line of text in a contact sheet, in pixels."""
_PAPER, _INK = (255, 255, 255), (32, 32, 32)


def image_grid(
    images: np.ndarray,
    columns: int,
    captions: Sequence[str] | None = None,
    *,
    caption_height: int = CAPTION,
) -> np.ndarray:
    """Arrange images in rows with gutters around each; the last row is filled up with white.

    Args:
        images: uint8 [n, h, w, 3], n of 1 or more.
        columns: images in each row.
        captions: a few letters over each image, n of them; cut off where they are wider.
        caption_height: in pixels.

    Returns:
        uint8 [rows * (h + gutter) + gutter, columns * (w + gutter) + gutter, 3]; with captions,
        h is higher by `caption_height`.
    """
    cells = images if captions is None else _captioned(images, captions, caption_height)
    rows = -(-len(cells) // columns)
    missing = [(0, rows * columns - len(cells)), (GUTTER, 0), (GUTTER, 0), (0, 0)]
    framed = np.pad(cells, missing, constant_values=_PAPER[0])
    _, height, width, channels = framed.shape
    placed = framed.reshape(rows, columns, height, width, channels).transpose(0, 2, 1, 3, 4)
    grid = placed.reshape(rows * height, columns * width, channels)
    return np.pad(grid, [(0, GUTTER), (0, GUTTER), (0, 0)], constant_values=_PAPER[0])


def pair_grid(photos: np.ndarray, generated: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Arrange rows of photo, generated image and target on white, with gutters.

    Args:
        photos, generated, targets: uint8 [n, h, w, 3] each.

    Returns:
        uint8 [n * (h + gutter) + gutter, 3 * (w + gutter) + gutter, 3].
    """
    cells = np.stack([photos, generated, targets], axis=1)
    return image_grid(cells.reshape(-1, *cells.shape[2:]), columns=3)


def score_captions(logits: np.ndarray) -> list[str]:
    """Return captions with a discriminator's score of images, 0 to 1: sigmoid of its logits [n]."""
    return [f"{score:.2f}" for score in expit(np.float64(logits))]


def contact_sheet(
    captions: Sequence[str],
    rows: Iterable[Sequence[np.ndarray]],
    path: AnyPath,
    *,
    width: int = 320,
) -> None:
    """Write rows of images under captions, reduced (Lanczos) into boxes of 4:3, never enlarged.

    Args:
        captions: a word or two for each column.
        rows: uint8 [h, w, 3] for each column; at least one row.
        path: the file to write: a JPEG where it ends in .jpg, else a PNG.
        width: of a box, in pixels.
    """
    strips = [_row([_fit(image, width) for image in row], width) for row in rows]
    file = io.BytesIO()
    kind = "jpeg" if path.suffix == ".jpg" else "png"
    _stack([_heading(captions, width), *strips]).save(file, kind, optimize=True, quality=85)
    path.write_bytes(file.getvalue())


def _captioned(images: np.ndarray, captions: Sequence[str], height: int) -> np.ndarray:
    strips = [_caption(caption, images.shape[2], height) for caption in captions]
    return np.concatenate([np.stack(strips), images], axis=1)


def _caption(text: str, width: int, height: int) -> np.ndarray:
    strip = Image.new("RGB", (width, height), _PAPER)
    font = ImageFont.load_default(size=height * 0.8)
    middle = (width // 2, height // 2)
    ImageDraw.Draw(strip).text(middle, text, fill=_INK, font=font, anchor="mm")
    return np.asarray(strip)


def _fit(image: np.ndarray, width: int) -> Image.Image:
    fitted = Image.fromarray(image)
    fitted.thumbnail((width, width * 3 // 4), Image.Resampling.LANCZOS)
    return fitted


def _row(images: Sequence[Image.Image], width: int) -> Image.Image:
    """Return the images of one row, each in the middle of its column."""
    strip = _paper(len(images), width, max(image.height for image in images) + GUTTER)
    for column, image in enumerate(images):
        left = GUTTER + column * (width + GUTTER) + (width - image.width) // 2
        strip.paste(image, (left, 0))
    return strip


def _heading(captions: Sequence[str], width: int) -> Image.Image:
    strip = _paper(len(captions), width, _SHEET_CAPTION)
    draw = ImageDraw.Draw(strip)
    font = ImageFont.load_default(size=_SHEET_CAPTION * 0.6)
    for column, caption in enumerate(captions):
        centre = GUTTER + column * (width + GUTTER) + width // 2
        draw.text((centre, _SHEET_CAPTION // 2), caption, fill=_INK, font=font, anchor="mm")
    return strip


def _paper(columns: int, width: int, height: int) -> Image.Image:
    return Image.new("RGB", (GUTTER + columns * (width + GUTTER), height), _PAPER)


def _stack(strips: Sequence[Image.Image]) -> Image.Image:
    sheet = Image.new("RGB", (strips[0].width, sum(strip.height for strip in strips)), _PAPER)
    top = 0
    for strip in strips:
        sheet.paste(strip, (0, top))
        top += strip.height
    return sheet


def to_png(image: np.ndarray) -> bytes:
    """Encode an image, uint8 [h, w, 3], as PNG."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "png")
    return file.getvalue()
