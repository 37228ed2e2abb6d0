"""Modes of the drawn shapes: who belongs to which, and what coverage is worth."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.stats import entropy

from cinegan_jax.data.shapes import BACKGROUND, SHAPE_MODES, DrawnShapes
from cinegan_jax.metrics.modes import (
    NONE,
    expected_scores,
    mode_counts,
    mode_scores,
    recognise,
    scores_of_counts,
)

K = len(SHAPE_MODES)


@pytest.fixture(scope="module")
def held_out() -> np.ndarray:
    """The 1,000 held-out images of 64 pixels; image i has mode i modulo 25."""
    source = DrawnShapes("test", 64)
    return np.stack([source[index].target for index in range(len(source))])


def _noisy(images: np.ndarray, rng: np.random.Generator, sigma: float) -> np.ndarray:
    noise = rng.normal(0, sigma, images.shape)
    return np.rint(np.clip(images + noise, 0, 255)).astype(np.uint8)


def test_every_held_out_image_belongs_to_the_mode_it_was_drawn_in(held_out: np.ndarray) -> None:
    np.testing.assert_array_equal(recognise(held_out), np.arange(1000) % K)


def test_images_of_twice_the_size_are_recognised() -> None:
    source = DrawnShapes("train", 128)
    images = np.stack([source[9_000 + index].target for index in range(100)])
    np.testing.assert_array_equal(recognise(images), np.arange(9_000, 9_100) % K)


def test_mild_blur_noise_and_darkness_change_nothing(
    held_out: np.ndarray, rng: np.random.Generator
) -> None:
    some = held_out[:200]
    blurred = ndimage.gaussian_filter(some.astype(float), (0, 1, 1, 0))
    darker = some - np.minimum(some, 16)  # as of a generator whose ground is a little off
    for changed in (_noisy(some, rng, 24), _noisy(blurred, rng, 8), darker):
        np.testing.assert_array_equal(recognise(changed), np.arange(200) % K)


def test_images_without_a_shape_belong_to_no_mode(
    held_out: np.ndarray, rng: np.random.Generator
) -> None:
    plain = np.broadcast_to(np.array(BACKGROUND, np.uint8), (1, 64, 64, 3))
    noise = rng.integers(0, 256, (5, 64, 64, 3), np.uint8)
    grey = np.repeat(held_out[:10].mean(-1, keepdims=True), 3, axis=-1).astype(np.uint8)
    upside_down = held_out[10:15, ::-1]
    assert SHAPE_MODES[10] == "red triangle"
    dark = np.maximum(held_out[:10], 60) - 60
    for images in (plain, noise, 255 - held_out[:10], grey, upside_down, dark):
        assert (recognise(images) == NONE).all()


def test_blends_of_modes_belong_to_none(held_out: np.ndarray) -> None:
    first, second = np.arange(200), np.arange(200) + 6  # another kind in another colour
    blends = (held_out[first].astype(int) + held_out[second]) // 2
    assert (recognise(blends.astype(np.uint8)) == NONE).mean() > 0.97


def test_counts_of_a_collapsed_sample(held_out: np.ndarray, rng: np.random.Generator) -> None:
    """Three modes in unequal shares, and a fifth of the images are noise."""
    collapsed = np.concatenate([held_out[3::K][:20], held_out[7::K][:12], held_out[24::K][:8]])
    noise = rng.integers(0, 256, (10, 64, 64, 3), np.uint8)
    sample = np.concatenate([collapsed, noise])
    counts = np.zeros(K, int)
    counts[[3, 7, 24]] = 20, 12, 8
    np.testing.assert_array_equal(mode_counts(sample), counts)
    scores = mode_scores(sample)
    uniform = np.full(K, 1 / K)
    assert scores["high_quality"] == pytest.approx(0.8)
    assert scores["modes_covered"] == 3
    assert scores["mode_reverse_kl"] == pytest.approx(entropy(counts / 40, uniform))
    assert scores["mode_total_variation"] == pytest.approx(abs(counts / 40 - uniform).sum() / 2)


def test_scores_have_their_extremes() -> None:
    even = scores_of_counts(np.full(K, 4), 100)
    assert even == pytest.approx(
        {
            "high_quality": 1,
            "modes_covered": K,
            "mode_total_variation": 0,
            "mode_reverse_kl": 0,
        },
        abs=1e-12,
    )
    none = scores_of_counts(np.zeros(K, int), 100)
    single = scores_of_counts(np.bincount([4], minlength=K) * 100, 100)
    assert (none["high_quality"], none["modes_covered"]) == (0, 0)
    assert none["mode_reverse_kl"] == pytest.approx(np.log(K))
    for name in ("mode_reverse_kl", "mode_total_variation"):
        assert none[name] == pytest.approx(single[name])


@pytest.mark.parametrize("images", [10, 500])
def test_expected_scores_of_real_images_are_the_mean_over_draws(
    images: int, rng: np.random.Generator
) -> None:
    draws = rng.multinomial(images, np.full(K, 1 / K), 4_000)
    found = [scores_of_counts(counts, images) for counts in draws]
    for name, expected in expected_scores(images).items():
        each = np.array([scores[name] for scores in found])
        error = each.std() / np.sqrt(len(each))
        assert abs(each.mean() - expected) <= 4 * error + 1e-6, name
    coverage = K * (1 - (1 - 1 / K) ** images)
    assert expected_scores(images)["modes_covered"] == pytest.approx(coverage)
