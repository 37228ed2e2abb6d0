import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cinegan_jax import losses


@pytest.fixture(autouse=True)
def strict_dtypes():
    with jax.numpy_dtype_promotion("strict"):
        yield


def normal(rng, *shape: int) -> np.ndarray:
    return rng.normal(size=shape).astype(np.float32)


def test_hinge_against_numpy(rng):
    real, fake = 2 * normal(rng, 2, 5, 5, 1), 2 * normal(rng, 2, 5, 5, 1)
    wanted = np.maximum(0, 1 - real).mean() + np.maximum(0, 1 + fake).mean()
    np.testing.assert_allclose(losses.hinge_critic(real, fake), wanted, rtol=1e-6)
    np.testing.assert_allclose(losses.hinge_generator(fake), -fake.mean(), rtol=1e-6)


def test_critic_beyond_the_margin_has_no_loss_and_no_gradient(rng):
    real, fake = 1.1 + abs(normal(rng, 8)), -1.1 - abs(normal(rng, 8))
    loss, gradients = jax.value_and_grad(losses.hinge_critic, argnums=(0, 1))(real, fake)
    assert loss == 0
    assert not np.any(gradients)


def test_feature_matching_is_a_sum_of_means(rng):
    shapes = [(2, 8, 8, 4), (2, 4, 4, 8), (2, 4, 4, 16)]
    real, fake = ([normal(rng, *s) for s in shapes] for _ in range(2))
    wanted = sum(np.abs(r - f).mean() for r, f in zip(real, fake, strict=True))
    np.testing.assert_allclose(losses.feature_matching(real, fake), wanted, rtol=1e-6)


def test_feature_matching_refuses_missing_layers(rng):
    with pytest.raises(ValueError, match="zip"):
        losses.feature_matching([normal(rng, 2)], [normal(rng, 2), normal(rng, 3)])


def test_l1_and_perceptual_against_numpy(rng):
    a, b = normal(rng, 2, 4, 4, 6), normal(rng, 2, 4, 4, 6)
    for loss in (losses.l1, losses.perceptual):
        np.testing.assert_allclose(loss(a, b), np.abs(a - b).mean(), rtol=1e-6)


def test_l1_refuses_shapes_that_would_broadcast():
    with pytest.raises(ValueError, match=r"\(2, 4\) and \(1, 4\)"):
        losses.l1(np.zeros((2, 4), np.float32), np.zeros((1, 4), np.float32))


def test_total_variation_against_numpy(rng):
    x = normal(rng, 2, 5, 7, 3)
    wanted = np.abs(np.diff(x, axis=1)).mean() + np.abs(np.diff(x, axis=2)).mean()
    np.testing.assert_allclose(losses.total_variation(x), wanted, rtol=1e-6)


def test_total_variation_of_a_ramp():
    ramp = np.tile(np.arange(6, dtype=np.float32)[None, None, :, None] / 10, (1, 4, 1, 3))
    np.testing.assert_allclose(losses.total_variation(ramp), 0.1, rtol=1e-6)


def test_bfloat16_is_computed_in_float32(rng):
    """A mean of many bfloat16 values keeps float32 precision."""
    x = jnp.asarray(normal(rng, 2, 64, 64, 3)).astype(jnp.bfloat16)
    exact = np.asarray(x, np.float64)
    zeros = jnp.zeros_like(x)
    for loss, wanted in [
        (losses.hinge_generator(x), -exact.mean()),
        (losses.hinge_critic(x, zeros), np.maximum(0, 1 - exact).mean() + 1),
        (losses.l1(x, zeros), np.abs(exact).mean()),
        (losses.feature_matching([x], [zeros]), np.abs(exact).mean()),
        (
            losses.total_variation(x),
            np.abs(np.diff(exact, axis=1)).mean() + np.abs(np.diff(exact, axis=2)).mean(),
        ),
    ]:
        assert loss.dtype == jnp.float32
        np.testing.assert_allclose(loss, wanted, rtol=1e-5, atol=1e-7)
