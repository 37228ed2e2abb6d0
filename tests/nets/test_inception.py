"""Size and input of FID's Inception; tests of `convert inception` compare its features."""

from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from cinegan_jax.core.errors import UserError
from cinegan_jax.nets import inception

pytestmark = pytest.mark.agreement


def bilinear_of_tensorflow_1(image: np.ndarray, size: int) -> np.ndarray:
    """Resize pixel by pixel in float64: new pixel i is at old position i * old / new."""
    height, width, _ = image.shape
    result = np.empty((size, size, 3))
    for y, x in np.ndindex(size, size):
        down, along = y * height / size, x * width / size
        top, left = int(down), int(along)
        bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
        down, along = down - top, along - left
        upper = image[top, left] * (1 - along) + image[top, right] * along
        lower = image[bottom, left] * (1 - along) + image[bottom, right] * along
        result[y, x] = upper * (1 - down) + lower * down
    return result


@pytest.mark.parametrize("shape", [(7, 40, 3), (31, 18, 3), (23, 23, 3)])
def test_resize_is_that_of_tensorflow_1(rng: np.random.Generator, shape: tuple[int, ...]) -> None:
    image = rng.uniform(size=shape).astype(np.float32)
    got = inception.resize_for_inception(image[None], 23)
    np.testing.assert_allclose(got[0], bilinear_of_tensorflow_1(image, 23), atol=1e-5)
    assert got.dtype == np.float32


def test_levels_are_resized_as_floats(rng: np.random.Generator) -> None:
    levels = rng.integers(0, 256, (2, 12, 9, 3)).astype(np.uint8)
    got = inception.resize_for_inception(levels, 16)
    np.testing.assert_array_equal(
        got, inception.resize_for_inception(levels.astype(np.float32), 16)
    )
    assert got.min() >= 0
    assert got.max() > 200


def test_number_of_parameters() -> None:
    """Keras counts 21,802,784 without the top, with three batch norm arrays per channel."""
    shapes = inception.inception_shapes()
    biases = sum(np.prod(shape) for path, shape in shapes.items() if path.endswith("bias"))
    kernels = sum(np.prod(shape) for path, shape in shapes.items() if path.endswith("kernel"))
    assert kernels + 3 * biases == 21_802_784


def test_missing_file_says_how_to_make_it(tmp_path: Path) -> None:
    path = tmp_path / "inception.safetensors"
    with pytest.raises(UserError, match=f"cinegan convert inception FILE -o {path}"):
        inception.load_inception(path)


def test_files_of_other_kinds_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "inception.safetensors"
    for name, message in [
        ("cinegan-vgg19", "wanted cinegan-inception version 1"),
        ("cinegan-inception", "Conv2d_1a_3x3/bias is missing"),
    ]:
        metadata = {"format": name, "format_version": "1"}
        safetensors.numpy.save_file({"a": np.zeros(3, np.float32)}, path, metadata)
        with pytest.raises(UserError, match=message):
            inception.load_inception(path)
