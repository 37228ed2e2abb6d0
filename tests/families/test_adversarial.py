"""The settings of the game between discriminators and generator."""

import jax
import numpy as np
import pytest

from cinegan_jax import losses
from cinegan_jax.core.errors import UserError
from cinegan_jax.families.adversarial import (
    Adversarial,
    augmented,
    discriminator_loss,
    generator_loss,
    noise_level,
    noisy,
    stream,
)
from cinegan_jax.families.api import step_context

pytestmark = pytest.mark.agreement

PAIRS = 400
MOMENT = step_context(5, jax.random.key(1), PAIRS)
KEYS = stream(MOMENT.keys, "labels")


@pytest.fixture
def logits(rng):
    return [rng.normal(size=(PAIRS, 2, 2, 1)).astype(np.float32) for _ in range(2)]


def test_hinge_is_the_published_loss(logits):
    real, fake = logits
    assert discriminator_loss(Adversarial(), real, fake, KEYS) == losses.hinge_discriminator(
        real, fake
    )
    assert generator_loss(Adversarial(), fake) == losses.hinge_generator(fake)


def test_smoothing_is_one_sided(logits):
    real, fake = logits
    game = Adversarial(loss="least_squares", label_smoothing=0.1)
    wanted = (((real - 0.9) ** 2).mean() + (fake**2).mean()) / 2
    np.testing.assert_allclose(discriminator_loss(game, real, fake, KEYS), wanted, rtol=1e-5)
    generator = ((fake - 1) ** 2).mean() / 2  # not smoothed
    np.testing.assert_allclose(generator_loss(game, fake), generator, rtol=1e-5)


def test_the_logistic_generator_does_not_saturate(logits):
    """-log sigmoid(D): steepest where discriminators are sure, unlike log(1 - sigmoid(D))."""
    fake = logits[1]
    game = Adversarial(loss="logistic")
    wanted = np.log1p(np.exp(-np.float64(fake))).mean()
    np.testing.assert_allclose(generator_loss(game, fake), wanted, rtol=1e-5)
    slope = jax.grad(lambda x: generator_loss(game, x))(np.full((1, 1), -20, np.float32))
    np.testing.assert_allclose(slope, -1, rtol=1e-6)


def test_flipped_pairs_have_both_labels_the_wrong_way_round():
    """With -1 for real and 1 for fake, a pair's least squares say whether it was flipped."""
    game = Adversarial(loss="least_squares", label_flips=0.25)

    def one(key):
        real, fake = np.full((1, 1), -1, np.float32), np.full((1, 1), 2, np.float32)
        return discriminator_loss(game, real, fake, key[None])

    found = np.asarray(jax.vmap(one)(KEYS))
    right, wrong = (4 + 4) / 2, (1 + 1) / 2
    assert set(found) == {right, wrong}
    assert (found == wrong).mean() == pytest.approx(0.25, abs=4 * (0.25 * 0.75 / PAIRS) ** 0.5)


@pytest.mark.parametrize(("step", "level"), [(0, 0.2), (5, 0.1), (10, 0.0), (1000, 0.0)])
def test_noise_falls_to_zero_in_a_line(step, level):
    assert noise_level(Adversarial(noise=0.2, noise_steps=10), step) == pytest.approx(level)
    assert noise_level(Adversarial(noise=0.2), step) == 0.2


def test_noise_is_normal_the_same_on_real_and_fake_and_its_own_at_each_size(rng):
    game = Adversarial(noise=0.2, noise_steps=10)
    real, fake = (np.full((PAIRS, 4, 4, 3), level, np.float32) for level in (-0.5, 0.25))
    full = noisy(game, real, MOMENT, "full") + 0.5
    np.testing.assert_allclose(noisy(game, fake, MOMENT, "full") - 0.25, full, atol=1e-6)
    assert np.std(full) == pytest.approx(0.1, rel=0.03)  # half way
    assert np.abs(np.mean(full)) < 0.004
    assert np.abs(np.corrcoef(full[0].ravel(), full[1].ravel())[0, 1]) < 0.5
    half = noisy(game, real, MOMENT, "half") + 0.5
    assert np.abs(np.corrcoef(full.ravel(), half.ravel())[0, 1]) < 0.05
    assert noisy(Adversarial(), real, MOMENT, "full") is real


def test_pictures_are_augmented_as_the_policies_say(rng):
    images = rng.uniform(0.1, 1, (PAIRS, 8, 8, 3)).astype(np.float32)
    assert augmented(Adversarial(), images, MOMENT) is images
    cut = np.asarray(augmented(Adversarial(augment="translation, cutout"), images, MOMENT))
    assert 0.2 < (cut == 0).mean() < 0.5


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"loss": "wasserstein"}, r"loss='wasserstein' is not one of hinge, least_squares, logist"),
        ({"augment": "color"}, r"augment='color' is not one of colour, translation, cutout"),
        ({"label_smoothing": 0.1}, r"label_smoothing=0.1 needs labels, which the loss 'hinge' has"),
        ({"label_flips": 0.1}, r"label_flips=0.1 needs labels.* one of least_squares, logistic"),
        ({"label_flips": 1.5, "loss": "logistic"}, r"label_flips=1.5 must be 0 or more, less than"),
        ({"noise": -1.0}, r"config.adversarial.noise=-1.0 must be 0 or more"),
        ({"r1_every": 0}, r"config.adversarial.r1_every=0 must be 1 or more"),
        (
            {"discriminator_updates": 0},
            r"config.adversarial.discriminator_updates=0 must be 1 or more",
        ),
    ],
)
def test_wrong_settings_are_named(settings, says):
    with pytest.raises(UserError, match=says):
        Adversarial(**settings)
