from collections.abc import Sequence

import numpy as np

from cinegan_jax.data.examples import BrokenExample
from cinegan_jax.data.images import SingleImage
from cinegan_jax.sampling.nearest import TRAINING_BATCH_SIZE, training_batches


class _Listed:
    """Source of images in memory, of which every tenth is broken."""

    kind = "images"

    def __init__(self, images: Sequence[np.ndarray]):
        self._images = images
        self.names = [str(number) for number in range(len(images))]

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> SingleImage:
        if index % 10 == 3:
            raise BrokenExample(self.names[index], "broken")
        return SingleImage(self.names[index], self._images[index])


def test_each_readable_image_comes_once_and_in_order(rng: np.random.Generator) -> None:
    images = rng.integers(0, 256, (700, 4, 6, 3), dtype=np.uint8)
    batches = list(training_batches(_Listed(images), size=4, crop="crop"))
    good = [index for index in range(700) if index % 10 != 3]
    assert [len(batch.indices) for batch in batches] == [
        TRAINING_BATCH_SIZE,
        TRAINING_BATCH_SIZE,
        len(good) - 2 * TRAINING_BATCH_SIZE,
    ]
    assert [index for batch in batches for index in batch.indices] == good
    fitted = np.concatenate([batch.images for batch in batches])
    np.testing.assert_array_equal(fitted, images[good, :, 1:5])


def test_images_too_small_for_a_crop_are_skipped(rng: np.random.Generator) -> None:
    sides = [8, 3, 9]
    images = [rng.integers(0, 256, (side, 9, 3), dtype=np.uint8) for side in sides]
    (batch,) = training_batches(_Listed(images), size=8, crop="crop")
    assert batch.indices == [0, 2]
    (batch,) = training_batches(_Listed(images), size=8, crop="squash")
    assert batch.indices == [0, 1, 2]
