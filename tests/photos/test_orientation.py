"""The eight orientations of EXIF, against the definition of the tag."""

import numpy as np
import pytest

from cinegan_jax.photos.orientation import turned_upright

# Where the file's first row and first column lie in what was seen (EXIF 2.32, 4.6.4, tag 274).
_ROW_AND_COLUMN = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


def _side(image: np.ndarray, name: str) -> np.ndarray:
    return {
        "top": image[0],
        "bottom": image[-1],
        "left": image[:, 0],
        "right": image[:, -1],
    }[name]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_first_row_and_column_go_where_the_tag_says(orientation: int) -> None:
    stored = np.arange(6).reshape(2, 3)
    row, column = _ROW_AND_COLUMN[orientation]
    seen = turned_upright(stored, orientation)
    assert sorted(_side(seen, row)) == [0, 1, 2]
    assert sorted(_side(seen, column)) == [0, 3]
    assert seen.flags.c_contiguous


def test_an_upright_image_is_not_copied() -> None:
    stored = np.zeros((2, 3, 3), np.uint8)
    assert turned_upright(stored, 1) is stored
