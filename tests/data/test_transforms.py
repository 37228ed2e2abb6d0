"""Crop, squash and pad, against jax.image and closed forms."""

import jax
import numpy as np
import pytest

from cinegan_jax.data.transforms import (
    ImageTooSmall,
    fit_short_side,
    pad_square,
    squash,
    squash_square,
)


@pytest.mark.parametrize("shape", [(48, 72), (61, 40), (30, 100), (63, 63)])
def test_squash_is_bilinear_without_antialiasing(
    rng: np.random.Generator, shape: tuple[int, ...]
) -> None:
    photo = rng.integers(0, 256, (*shape, 3), np.uint8)
    expected = jax.image.resize(photo.astype(np.float32), (51, 51, 3), "bilinear", antialias=False)
    np.testing.assert_allclose(squash(photo, 51), expected, atol=0.5 + 1e-3)


def test_squash_averages_boxes_before_it_would_alias(rng: np.random.Generator) -> None:
    photo = rng.integers(0, 256, (32, 48, 3), np.uint8)
    boxes = photo.reshape(8, 4, 8, 6, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(squash(photo, 8), boxes, atol=0.5)


def test_squash_keeps_a_square_of_that_size(rng: np.random.Generator) -> None:
    photo = rng.integers(0, 256, (16, 16, 3), np.uint8)
    np.testing.assert_array_equal(squash(photo, 16), photo)


@pytest.mark.parametrize(
    ("shape", "fitted"), [((480, 720), (64, 96)), ((100, 64), (100, 64)), ((128, 513), (64, 256))]
)
def test_fit_short_side_keeps_the_aspect(shape: tuple[int, ...], fitted: tuple[int, ...]) -> None:
    assert fit_short_side(np.zeros((*shape, 3), np.uint8), 64).shape == (*fitted, 3)


def test_fit_short_side_reduces_a_smooth_image_smoothly() -> None:
    ramp = np.linspace(0, 255, 256).astype(np.uint8)
    photo = np.broadcast_to(ramp[None, :, None], (256, 256, 3))
    fitted = fit_short_side(photo, 64)
    np.testing.assert_allclose(fitted[32, 4:-4, 0], np.arange(64)[4:-4] * 4 + 1.5, atol=1)


def test_pad_mirrors_the_photo_at_its_borders(rng: np.random.Generator) -> None:
    photo = rng.integers(0, 256, (4, 9, 3), np.uint8)
    padded = pad_square(photo, 9)
    np.testing.assert_array_equal(padded[2:6], photo)
    np.testing.assert_array_equal(padded[:2], photo[1::-1])
    np.testing.assert_array_equal(padded[6:], photo[:0:-1])


def test_small_photos_are_refused_with_both_sizes() -> None:
    photo = np.zeros((480, 720, 3), np.uint8)
    with pytest.raises(ImageTooSmall, match=r"720x480 .* short side must have 512 .*--size"):
        fit_short_side(photo, 512)
    for resize in (pad_square, squash_square):
        assert resize(photo, 720).shape == (720, 720, 3)
        with pytest.raises(ImageTooSmall, match=r"720x480 .* long side must have 721 "):
            resize(photo, 721)
