from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
import skimage.color

from cinegan_jax import losses

pytestmark = pytest.mark.agreement


@pytest.fixture(autouse=True)
def strict_dtypes() -> Iterator[None]:
    with jax.numpy_dtype_promotion("strict"):
        yield


def normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.normal(size=shape).astype(np.float32)


def test_hinge_against_numpy(rng: np.random.Generator) -> None:
    real, fake = 2 * normal(rng, 2, 5, 5, 1), 2 * normal(rng, 2, 5, 5, 1)
    wanted = np.maximum(0, 1 - real).mean() + np.maximum(0, 1 + fake).mean()
    np.testing.assert_allclose(losses.hinge_discriminator(real, fake), wanted, rtol=1e-6)
    np.testing.assert_allclose(losses.hinge_generator(fake), -fake.mean(), rtol=1e-6)


def test_least_squares_and_logistic_against_numpy(rng: np.random.Generator) -> None:
    logits, labels = 3 * normal(rng, 4, 5, 5, 1), np.float32([0, 1, 0.9, 0.3])
    wide, sides = np.float64(logits), labels[:, None, None, None]
    squares = ((wide - sides) ** 2).mean() / 2
    np.testing.assert_allclose(losses.least_squares(logits, labels), squares, rtol=1e-6)
    real = 1 / (1 + np.exp(-wide))
    entropy = -(sides * np.log(real) + (1 - sides) * np.log(1 - real)).mean()
    np.testing.assert_allclose(losses.logistic(logits, labels), entropy, rtol=1e-6)


def test_logistic_of_huge_logits_is_finite() -> None:
    logits = np.float32([[1e4], [-1e4]])
    np.testing.assert_allclose(losses.logistic(logits, np.float32([0, 1])), 1e4, rtol=1e-6)


def test_squared_slope_is_summed_per_image_and_averaged_over_images(
    rng: np.random.Generator,
) -> None:
    slopes = normal(rng, 3, 4, 4, 3)
    wanted = np.mean([np.linalg.norm(slope) ** 2 for slope in slopes])
    np.testing.assert_allclose(losses.squared_slope(slopes), wanted, rtol=1e-6)


def test_discriminator_beyond_the_margin_has_no_loss_and_no_gradient(
    rng: np.random.Generator,
) -> None:
    real, fake = 1.1 + abs(normal(rng, 8)), -1.1 - abs(normal(rng, 8))
    loss, gradients = jax.value_and_grad(losses.hinge_discriminator, argnums=(0, 1))(real, fake)
    assert loss == 0
    assert not np.any(gradients)


def test_feature_matching_is_a_sum_of_means(rng: np.random.Generator) -> None:
    shapes = [(2, 8, 8, 4), (2, 4, 4, 8), (2, 4, 4, 16)]
    real, fake = ([normal(rng, *s) for s in shapes] for _ in range(2))
    wanted = sum(np.abs(r - f).mean() for r, f in zip(real, fake, strict=True))
    np.testing.assert_allclose(losses.feature_matching(real, fake), wanted, rtol=1e-6)


def test_feature_matching_refuses_missing_layers(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="zip"):
        losses.feature_matching([normal(rng, 2)], [normal(rng, 2), normal(rng, 3)])


def test_l1_and_perceptual_against_numpy(rng: np.random.Generator) -> None:
    a, b = normal(rng, 2, 4, 4, 6), normal(rng, 2, 4, 4, 6)
    for loss in (losses.l1, losses.perceptual):
        np.testing.assert_allclose(loss(a, b), np.abs(a - b).mean(), rtol=1e-6)


def test_l1_refuses_shapes_that_would_broadcast() -> None:
    with pytest.raises(ValueError, match=r"\(2, 4\) and \(1, 4\)"):
        losses.l1(np.zeros((2, 4), np.float32), np.zeros((1, 4), np.float32))


def test_total_variation_against_numpy(rng: np.random.Generator) -> None:
    x = normal(rng, 2, 5, 7, 3)
    wanted = np.abs(np.diff(x, axis=1)).mean() + np.abs(np.diff(x, axis=2)).mean()
    np.testing.assert_allclose(losses.total_variation(x), wanted, rtol=1e-6)


def test_total_variation_of_a_ramp() -> None:
    ramp = np.tile(np.arange(6, dtype=np.float32)[None, None, :, None] / 10, (1, 4, 1, 3))
    np.testing.assert_allclose(losses.total_variation(ramp), 0.1, rtol=1e-6)


def test_lab_agrees_with_delta_e_76_of_scikit_image(rng: np.random.Generator) -> None:
    target, fake = rng.uniform(-1, 1, (2, 2, 6, 5, 3)).astype(np.float32)
    labs = [skimage.color.rgb2lab((x.astype(np.float64) + 1) / 2) for x in (target, fake)]
    distance = skimage.color.deltaE_cie76(*labs)
    rounded = np.sqrt(distance**2 + 0.1**2) - 0.1
    found = jax.jit(losses.lab)(target, fake)
    np.testing.assert_allclose(found, rounded.mean(), rtol=1e-3)
    assert abs(found - distance.mean()) < 0.1


def test_lab_has_no_gradient_at_equal_colours_and_a_finite_one_out_of_range(
    rng: np.random.Generator,
) -> None:
    slope = jax.jit(jax.grad(losses.lab, argnums=1))
    images = rng.uniform(-1, 1, (1, 4, 4, 3)).astype(np.float32)
    away = np.abs(slope(images, -images)).max()
    np.testing.assert_allclose(slope(images, images), 0.0, atol=1e-3 * away)
    beyond = np.float32([-1.5, -1.0, 1.0, 1.5])[None, :, None, None] * np.ones_like(images)
    found = slope(images, beyond)
    assert np.isfinite(found).all()
    assert (found != 0).all()


def test_histogram_agrees_with_the_wasserstein_distance_of_scipy(rng: np.random.Generator) -> None:
    target, fake = normal(rng, 2, 7, 5, 3), 0.5 + normal(rng, 2, 7, 5, 3)
    wanted = [
        scipy.stats.wasserstein_distance(target[n, ..., c].ravel(), fake[n, ..., c].ravel())
        for n in range(2)
        for c in range(3)
    ]
    np.testing.assert_allclose(losses.histogram(target, fake), np.mean(wanted), rtol=1e-5)


def test_histogram_ignores_positions_and_moves_each_value_by_rank(
    rng: np.random.Generator,
) -> None:
    target = normal(rng, 1, 4, 4, 3)
    turned = target[:, ::-1, ::-1]
    assert losses.histogram(target, turned) == 0
    slope = jax.jit(jax.grad(losses.histogram, argnums=1))(target, turned + 0.25)
    np.testing.assert_allclose(slope, 1 / target.size, rtol=1e-6)


def test_bfloat16_is_computed_in_float32(rng: np.random.Generator) -> None:
    """A mean of many bfloat16 values keeps float32 precision."""
    x = jnp.asarray(normal(rng, 2, 64, 64, 3)).astype(jnp.bfloat16)
    exact = np.asarray(x, np.float64)
    zeros = jnp.zeros_like(x)
    for loss, wanted in [
        (losses.hinge_generator(x), -exact.mean()),
        (losses.hinge_discriminator(x, zeros), np.maximum(0, 1 - exact).mean() + 1),
        (losses.l1(x, zeros), np.abs(exact).mean()),
        (losses.histogram(x, zeros), np.abs(exact).mean()),
        (losses.feature_matching([x], [zeros]), np.abs(exact).mean()),
        (
            losses.total_variation(x),
            np.abs(np.diff(exact, axis=1)).mean() + np.abs(np.diff(exact, axis=2)).mean(),
        ),
    ]:
        assert loss.dtype == jnp.float32
        np.testing.assert_allclose(loss, wanted, rtol=1e-5, atol=1e-7)
