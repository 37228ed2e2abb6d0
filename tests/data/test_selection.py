"""Selected examples, and how they are brought to the training size."""

from collections import Counter

import numpy as np
import pytest

from cinegan_jax.core.errors import UserError
from cinegan_jax.data.examples import BrokenExample
from cinegan_jax.data.images import SingleImage
from cinegan_jax.data.selection import evenly_spaced, stratified_images
from cinegan_jax.data.shapes import SHAPE_MODES, DrawnShapes


class Numbered:
    """Images of 20x16 pixels whose values all equal their number; some are broken."""

    kind = "images"

    def __init__(self, count: int, broken: tuple[int, ...] = ()):
        self.names = [str(number) for number in range(count)]
        self._broken = broken

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> SingleImage:
        if index in self._broken:
            raise BrokenExample(self.names[index], "torn")
        return SingleImage(self.names[index], np.full((16, 20, 3), index, np.uint8))


def test_the_first_and_the_last_are_among_the_spread() -> None:
    names = [example.name for example in evenly_spaced(Numbered(11), 3, 8, "crop")]
    assert names == ["0", "5", "10"]


def test_one_image_of_each_stretch_is_drawn() -> None:
    numbers = stratified_images(Numbered(100), 20, 8, "crop")[:, 0, 0, 0]
    assert (numbers // 5 == np.arange(20)).all()
    assert len(set(numbers % 5)) > 2


def test_a_source_that_repeats_itself_is_seen_whole() -> None:
    """401 evenly spaced images of 10,000 would show two of the 25 modes."""
    chosen = {
        image.tobytes() for image in stratified_images(DrawnShapes("train", 8), 401, 8, "crop")
    }
    source = DrawnShapes("train", 8)
    modes = Counter(
        SHAPE_MODES[i % len(SHAPE_MODES)]
        for i in range(len(source))
        if source[i].target.tobytes() in chosen
    )
    assert len(modes) == len(SHAPE_MODES)


def test_broken_and_small_ones_are_left_out() -> None:
    numbers = stratified_images(Numbered(4, broken=(1, 2)), 10, 16, "crop")[:, 0, 0, 0]
    assert numbers.tolist() == [0, 3]
    with pytest.raises(UserError, match="0 of 4 images can be read at 17x17"):
        stratified_images(Numbered(4), 10, 17, "crop")


def test_one_image_is_no_set() -> None:
    with pytest.raises(UserError, match="1 of 2 images can be read at 8x8"):
        stratified_images(Numbered(2, broken=(1,)), 10, 8, "crop")
