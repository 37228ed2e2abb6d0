"""DiffAugment: the range and distribution of its results, and its gradients."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cinegan_jax.ops.diff_augment import POLICIES, diff_augment

pytestmark = pytest.mark.agreement

IMAGES = 2000


def keys(count: int = IMAGES) -> jax.Array:
    return jax.random.split(jax.random.key(3), count)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """Copies of an image without zeros, height 16 and width 24, one per key."""
    photo = np.random.default_rng(5).uniform(0.1, 1, (1, 16, 24, 3)).astype(np.float32)
    return np.tile(photo, (IMAGES, 1, 1, 1))


def changed(images: np.ndarray, *policies: str) -> np.ndarray:
    augment = jax.jit(lambda x: diff_augment(x, keys(len(images)), policies))
    return np.asarray(augment(images), np.float64)


def uniform(values: np.ndarray, low: float, high: float) -> None:
    assert low <= values.min() < low + 0.02 * (high - low)
    assert high >= values.max() > high - 0.02 * (high - low)
    assert values.mean() == pytest.approx((low + high) / 2, abs=0.03 * (high - low))
    assert values.std() == pytest.approx((high - low) / 12**0.5, rel=0.05)


def test_colour_draws_brightness_saturation_and_contrast_as_the_paper_does(
    photo: np.ndarray,
) -> None:
    found = changed(photo, "colour")
    mean, grey = found.mean((1, 2, 3)), found.mean(-1)
    before = photo.astype(np.float64)
    old_mean, old_grey = before.mean((1, 2, 3)), before.mean(-1)
    # Contrast scales greys about the image's mean, saturation scales colours about their grey.
    contrast = (grey - mean[:, None, None]).std((1, 2)) / old_grey.std((1, 2))
    chroma = (found - grey[..., None]).std((1, 2, 3)) / (before - old_grey[..., None]).std(
        (1, 2, 3)
    )
    drawn = [mean - old_mean, chroma / contrast, contrast]
    for values, (low, high) in zip(drawn, [(-0.5, 0.5), (0, 2), (0.5, 1.5)], strict=True):
        uniform(values, low - 1e-5, high + 1e-5)
    assert np.abs(np.corrcoef(drawn) - np.eye(3)).max() < 0.08
    one = before[:1] + drawn[0][:1, None, None, None]
    flat = one.mean(-1, keepdims=True)
    one = flat + drawn[1][0] * (one - flat)
    np.testing.assert_allclose(found[:1], one.mean() + contrast[0] * (one - one.mean()), atol=1e-5)


def test_translation_is_uniform_up_to_an_eighth_in_each_direction(photo: np.ndarray) -> None:
    found = changed(photo, "translation")
    moves = [(down, right) for down in range(-2, 3) for right in range(-3, 4)]
    padded = np.pad(photo[0], ((2, 2), (3, 3), (0, 0)))
    shifted = [padded[2 + down :, 3 + right :][:16, :24] for down, right in moves]
    same = np.stack([(found == np.float64(image)).all((1, 2, 3)) for image in shifted])
    assert (same.sum(0) == 1).all()
    expected = IMAGES / len(moves)
    assert np.abs(same.sum(1) - expected).max() < 5 * expected**0.5


def test_cutout_blanks_a_square_centred_anywhere(photo: np.ndarray) -> None:
    gone = changed(photo, "cutout") == 0
    kept = changed(photo, "cutout")[~gone]
    np.testing.assert_array_equal(kept, np.float64(photo)[~gone])
    gone = gone.all(-1)
    for axis, side in ((1, 16), (2, 24)):
        lines = gone.any(3 - axis)
        np.testing.assert_array_equal(lines.sum(1), (gone.sum(axis)).max(1))  # a whole rectangle
        # Centres from 0 to `side` are equally likely; the hole is clipped at the border.
        centres = np.arange(side + 1)
        counts = np.minimum(centres + side // 4, side) - np.maximum(centres - side // 4, 0)
        assert lines.sum(1).mean() == pytest.approx(counts.mean(), rel=0.02)
        assert set(lines.sum(1)) == set(counts)


@pytest.mark.parametrize("policy", POLICIES)
def test_images_of_a_pair_are_augmented_alike(policy: str, photo: np.ndarray) -> None:
    """Equal keys give equal changes: augmenting a sum gives the sum of the augmented images, except
    for the brightness of `colour`, which is added twice."""
    one, other = photo[:50], photo[:50, ::-1]
    both = changed(one + other, policy) - changed(one, policy) - changed(other, policy)
    np.testing.assert_allclose(
        both, both.mean((1, 2, 3), keepdims=True) * np.ones_like(both), atol=1e-5
    )
    assert (np.abs(both).max() > 0.2) == (policy == "colour")


@pytest.mark.parametrize("policy", POLICIES)
def test_gradients_flow_back_to_where_pixels_came_from(policy: str, photo: np.ndarray) -> None:
    """Compares the slope along a direction with finite differences."""
    images = photo[:8]
    weights = np.random.default_rng(0).normal(size=images.shape).astype(np.float32)
    direction = np.random.default_rng(1).normal(size=images.shape).astype(np.float32)

    @jax.jit
    def weighed(x: Any) -> jax.Array:
        return jnp.sum(weights * diff_augment(x, keys(8), (policy,)))

    slope = jax.jit(jax.grad(weighed))(images)
    step = weighed(images + 0.5 * direction) - weighed(images - 0.5 * direction)  # linear in x
    np.testing.assert_allclose(np.vdot(slope, direction), step, rtol=1e-3, atol=1e-2)
    assert np.abs(slope).max() > 0.1


def test_policies_are_applied_in_order_and_none_changes_nothing(photo: np.ndarray) -> None:
    images = photo[:4]
    np.testing.assert_array_equal(changed(images), images)
    both = changed(images, "cutout", "colour")
    assert not (both == changed(images, "colour", "cutout")).all()
