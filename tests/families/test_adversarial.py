"""The adversarial losses and their stabilisers."""

import jax
import numpy as np
import pytest

from cinegan_jax import losses
from cinegan_jax.families.adversarial import (
    augmented,
    discriminator_loss,
    generator_loss,
    noise_level,
    noisy,
    stream,
)
from cinegan_jax.families.api import step_context
from cinegan_jax.families.game import Adversarial

pytestmark = pytest.mark.agreement

PAIRS = 400
CONTEXT = step_context(5, jax.random.key(1), PAIRS)
KEYS = stream(CONTEXT.keys, "labels")

Logits = tuple[np.ndarray, np.ndarray]


@pytest.fixture
def logits(rng: np.random.Generator) -> Logits:
    """Return patch logits of real and of generated pairs."""
    real, fake = (rng.normal(size=(PAIRS, 2, 2, 1)).astype(np.float32) for _ in range(2))
    return real, fake


def test_hinge_is_the_published_loss(logits: Logits) -> None:
    real, fake = logits
    assert discriminator_loss(Adversarial(), real, fake, KEYS) == losses.hinge_discriminator(
        real, fake
    )
    assert generator_loss(Adversarial(), fake) == losses.hinge_generator(fake)


def test_smoothing_is_one_sided(logits: Logits) -> None:
    real, fake = logits
    settings = Adversarial(loss="least_squares", label_smoothing=0.1)
    expected = (((real - 0.9) ** 2).mean() + (fake**2).mean()) / 2
    np.testing.assert_allclose(discriminator_loss(settings, real, fake, KEYS), expected, rtol=1e-5)
    generator = ((fake - 1) ** 2).mean() / 2  # not smoothed
    np.testing.assert_allclose(generator_loss(settings, fake), generator, rtol=1e-5)


def test_the_logistic_generator_loss_does_not_saturate(logits: Logits) -> None:
    """-log sigmoid(D) is steepest where discriminators are sure, unlike log(1 - sigmoid(D))."""
    fake = logits[1]
    settings = Adversarial(loss="logistic")
    expected = np.log1p(np.exp(-np.float64(fake))).mean()
    np.testing.assert_allclose(generator_loss(settings, fake), expected, rtol=1e-5)
    slope = jax.grad(lambda x: generator_loss(settings, x))(np.full((1, 1), -20, np.float32))
    np.testing.assert_allclose(slope, -1, rtol=1e-6)


def test_label_flips_swap_both_labels_of_a_pair() -> None:
    """With -1 for real and 2 for fake, a pair's least squares show whether it was flipped."""
    settings = Adversarial(loss="least_squares", label_flips=0.25)

    def loss_of_pair(key: jax.Array) -> jax.Array:
        real, fake = np.full((1, 1), -1, np.float32), np.full((1, 1), 2, np.float32)
        return discriminator_loss(settings, real, fake, key[None])

    found = np.asarray(jax.vmap(loss_of_pair)(KEYS))
    right, wrong = (4 + 4) / 2, (1 + 1) / 2
    assert set(found) == {right, wrong}
    assert (found == wrong).mean() == pytest.approx(0.25, abs=4 * (0.25 * 0.75 / PAIRS) ** 0.5)


@pytest.mark.parametrize(("step", "level"), [(0, 0.2), (5, 0.1), (10, 0.0), (1000, 0.0)])
def test_noise_falls_linearly_to_zero(step: int, level: float) -> None:
    assert noise_level(Adversarial(noise=0.2, noise_steps=10), step) == pytest.approx(level)
    assert noise_level(Adversarial(noise=0.2), step) == 0.2


def test_noise_is_normal_equal_on_real_and_fake_and_independent_at_each_size() -> None:
    settings = Adversarial(noise=0.2, noise_steps=10)
    real, fake = (np.full((PAIRS, 4, 4, 3), level, np.float32) for level in (-0.5, 0.25))
    full = noisy(settings, real, CONTEXT, "full") + 0.5
    np.testing.assert_allclose(noisy(settings, fake, CONTEXT, "full") - 0.25, full, atol=1e-6)
    assert np.std(full) == pytest.approx(0.1, rel=0.03)  # after half of the steps
    assert np.abs(np.mean(full)) < 0.004
    assert np.abs(np.corrcoef(full[0].ravel(), full[1].ravel())[0, 1]) < 0.5
    half = noisy(settings, real, CONTEXT, "half") + 0.5
    assert np.abs(np.corrcoef(full.ravel(), half.ravel())[0, 1]) < 0.05
    assert noisy(Adversarial(), real, CONTEXT, "full") is real


def test_images_are_augmented_by_the_named_policies(rng: np.random.Generator) -> None:
    images = rng.uniform(0.1, 1, (PAIRS, 8, 8, 3)).astype(np.float32)
    assert augmented(Adversarial(), images, CONTEXT) is images
    cut = np.asarray(augmented(Adversarial(augment="translation, cutout"), images, CONTEXT))
    assert 0.2 < (cut == 0).mean() < 0.5
