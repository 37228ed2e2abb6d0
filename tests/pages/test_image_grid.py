import numpy as np
import pytest

from cinegan_jax.pages.image_grid import CAPTION, GUTTER, image_grid, score_captions


def _cell(
    grid: np.ndarray, row: int, column: int, height: int, width: int, above: int = 0
) -> np.ndarray:
    top = GUTTER + row * (above + height + GUTTER) + above
    left = GUTTER + column * (width + GUTTER)
    return grid[top : top + height, left : left + width]


@pytest.mark.parametrize("columns", [1, 2, 3, 5])
def test_images_go_row_by_row_and_the_rest_is_white(rng: np.random.Generator, columns: int) -> None:
    images = rng.integers(0, 255, (5, 4, 6, 3), dtype=np.uint8)  # none of them has white
    grid = image_grid(images, columns)
    rows = -(-5 // columns)
    assert grid.shape == (rows * (4 + GUTTER) + GUTTER, columns * (6 + GUTTER) + GUTTER, 3)
    for place, image in enumerate(images):
        row, column = divmod(place, columns)
        np.testing.assert_array_equal(_cell(grid, row, column, 4, 6), image)
    assert np.count_nonzero(grid < 255) == np.count_nonzero(images < 255)


def test_captions_stand_over_their_images_and_touch_none(rng: np.random.Generator) -> None:
    images = rng.integers(0, 256, (4, 32, 40, 3), dtype=np.uint8)
    grid = image_grid(images, 2, ["0.25", "", "0.25", "1.00"])
    strips = []
    for place, image in enumerate(images):
        row, column = divmod(place, 2)
        np.testing.assert_array_equal(_cell(grid, row, column, 32, 40, CAPTION), image)
        top = GUTTER + row * (CAPTION + 32 + GUTTER)
        strips.append(grid[top : top + CAPTION, GUTTER + column * 48 :][:, :40])
    assert np.all(strips[1] == 255)
    np.testing.assert_array_equal(strips[0], strips[2])
    assert not np.array_equal(strips[0], strips[3])
    assert strips[0].min() < 128


def test_a_caption_for_each_image(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="must match"):
        image_grid(rng.integers(0, 256, (3, 8, 8, 3), dtype=np.uint8), 2, ["1", "2"])


def test_scores_are_the_logistic_function_of_logits() -> None:
    logits = np.array([-1e30, -np.log(3), 0, np.log(3), 1e30], np.float32)
    assert score_captions(logits) == ["0.00", "0.25", "0.50", "0.75", "1.00"]
