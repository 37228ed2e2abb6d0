"""Measured shifts of images whose shift is known."""

import itertools

import numpy as np
import pytest
from scipy import ndimage

from cinegan_jax.prepare.align import measure_shift


def _scene(rng: np.random.Generator, shape: tuple[int, int] = (160, 200)) -> np.ndarray:
    """Smooth blobs with edges, larger than the images cut from it; unit range."""
    channels = [ndimage.gaussian_filter(rng.normal(size=shape), 3) for _ in range(3)]
    scene = np.stack(channels, axis=-1) + 0.7 * (channels[0] > 0)[..., None]
    return (scene - scene.min()) / np.ptp(scene)


def _look(scene: np.ndarray) -> np.ndarray:
    """A strong colour change: gamma, contrast and a channel mix."""
    mix = np.array([[0.8, 0.15, 0.05], [0.1, 0.8, 0.1], [0.0, 0.2, 0.8]])
    return np.clip(1.2 * (scene**1.6) @ mix.T - 0.05, 0, 1)


def _uint8(scene: np.ndarray) -> np.ndarray:
    return np.rint(255 * scene).astype(np.uint8)


@pytest.mark.parametrize("shift", [(0, 0), (1, 0), (0, -2), (5, 7), (-11, 3)])
def test_whole_shifts_are_measured_through_a_look(
    rng: np.random.Generator, shift: tuple[int, int]
) -> None:
    scene = _scene(rng)
    look = _look(scene) + rng.normal(0, 0.015, scene.shape)
    down, right = shift
    first = _uint8(scene)[20:140, 20:180]
    second = _uint8(np.clip(look, 0, 1))[20 - down : 140 - down, 20 - right : 180 - right]
    measured = measure_shift(first, second)
    assert (measured.down, measured.right) == pytest.approx(shift, abs=0.2)
    assert measured.distance == pytest.approx(np.hypot(*shift), abs=0.3)
    assert measured.agreement > 0.7


def test_part_of_a_pixel_is_measured(rng: np.random.Generator) -> None:
    scene = _scene(rng)
    moved = ndimage.shift(scene, (0.5, -1.25, 0), order=3)
    measured = measure_shift(
        _uint8(scene)[20:140, 20:180], _uint8(moved.clip(0, 1))[20:140, 20:180]
    )
    assert (measured.down, measured.right) == pytest.approx((0.5, -1.25), abs=0.25)


def test_other_scenes_do_not_agree(rng: np.random.Generator) -> None:
    images = [_uint8(_scene(rng))[:120, :160] for _ in range(4)]
    for first, second in itertools.pairwise(images):
        assert measure_shift(first, second).agreement < 0.4


def test_flat_image_has_no_agreement() -> None:
    grey = np.full((64, 64, 3), 128, np.uint8)
    assert measure_shift(grey, grey).agreement == 0
