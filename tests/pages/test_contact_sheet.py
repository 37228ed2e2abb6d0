from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cinegan_jax.pages.image_grid import GUTTER, PAIR_COLUMNS, contact_sheet, pair_grid


def test_grid_puts_each_image_in_its_cell(rng: np.random.Generator) -> None:
    photos, generated, targets = rng.integers(0, 256, (3, 2, 5, 7, 3), dtype=np.uint8)
    sheet = pair_grid(photos, generated, targets)
    assert sheet.shape == (2 * (5 + GUTTER) + GUTTER, 3 * (7 + GUTTER) + GUTTER, 3)
    outside = np.ones(sheet.shape[:2], bool)
    for column, images in enumerate((photos, generated, targets)):
        for row, image in enumerate(images):
            top, left = GUTTER + row * (5 + GUTTER), GUTTER + column * (7 + GUTTER)
            cell = np.s_[top : top + 5, left : left + 7]
            np.testing.assert_array_equal(sheet[cell], image)
            outside[cell] = False
    assert np.all(sheet[outside] == 255)


def test_grid_refuses_images_that_do_not_match() -> None:
    with pytest.raises(ValueError, match="shape"):
        pair_grid(*(np.zeros((1, 4, width, 3), np.uint8) for width in (4, 4, 5)))


def test_a_contact_sheet_shows_rows_of_any_shape_under_captions(tmp_path: Path) -> None:
    colours = [(200, 40, 40), (40, 200, 40), (40, 40, 200)]
    wide = [np.full((60, 80, 3), colour, np.uint8) for colour in colours]
    tall = [image.transpose(1, 0, 2) for image in wide]
    path = tmp_path / "before_after.png"
    contact_sheet(PAIR_COLUMNS, [wide, tall], path, width=40)
    sheet = np.asarray(Image.open(path))
    assert sheet.shape[1] == 3 * (40 + GUTTER) + GUTTER
    for column, colour in enumerate(colours):
        here = np.all(sheet == colour, axis=-1)
        left = GUTTER + column * (40 + GUTTER)
        assert np.all(np.flatnonzero(here.any(0)) == np.arange(left, left + 40))
        assert np.count_nonzero(here[:, left]) == 30
        assert np.count_nonzero(here[:, left + 20]) == 30 + 30


def test_small_images_are_not_enlarged(rng: np.random.Generator, tmp_path: Path) -> None:
    photo = rng.integers(0, 256, (12, 20, 3), dtype=np.uint8)
    path = tmp_path / "sheet.png"
    contact_sheet(PAIR_COLUMNS, [[photo] * 3], path, width=40)
    sheet = np.asarray(Image.open(path))
    bottom = sheet.shape[0] - GUTTER
    left = GUTTER + 10
    np.testing.assert_array_equal(sheet[bottom - 12 : bottom, left : left + 20], photo)
