"""Schedules in closed form."""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import runs

from cinegan_jax.core.errors import UserError
from cinegan_jax.families.api import Update
from cinegan_jax.training.optimizers import (
    AdamSettings,
    Cadence,
    cadence_of,
    make_adam,
    make_schedule,
)
from cinegan_jax.training.run import Run

STEPS = 100


def rates(**settings: object) -> np.ndarray:
    schedule = make_schedule(AdamSettings(learning_rate=2e-4, **settings), STEPS)
    return np.array([float(schedule(step)) for step in range(STEPS + 1)])


def test_constant() -> None:
    np.testing.assert_allclose(rates(), 2e-4, rtol=1e-6)


def test_linear_ends_at_zero() -> None:
    expected = 2e-4 * (1 - np.arange(STEPS + 1) / STEPS)
    np.testing.assert_allclose(rates(schedule="linear"), expected, atol=1e-10)


def test_cosine() -> None:
    expected = [1e-4 * (1 + math.cos(math.pi * step / STEPS)) for step in range(STEPS + 1)]
    np.testing.assert_allclose(rates(schedule="cosine"), expected, atol=1e-10)


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
def test_warm_up_rises_in_a_line_to_the_peak(schedule: str) -> None:
    found = rates(schedule=schedule, warmup_steps=20)
    np.testing.assert_allclose(found[:21], 2e-4 * np.arange(21) / 20, atol=1e-10)
    assert found[-1] == pytest.approx(2e-4 if schedule == "constant" else 0.0, abs=1e-10)


def test_schedules_go_by_steps_however_often_a_player_moves() -> None:
    """Rates of plain Adam steps of gradient 1, with beta1 = beta2 = epsilon = 0: the moves."""
    settings = AdamSettings(1e-2, beta1=0.0, beta2=0.0, epsilon=0.0, schedule="linear")
    adam = make_adam(settings, STEPS, Cadence(plain=3.0))
    value, one = jnp.zeros(()), jnp.ones(())
    state, found = adam.init(value), []
    for _ in range(3 * 4):
        move, state = adam.update(one, state)
        found.append(-float(move))
    np.testing.assert_allclose(found, 1e-2 * (1 - np.arange(12) / 3 / STEPS), rtol=1e-5)


def test_lazy_updates_shrink_rate_and_betas() -> None:
    """The factor is StyleGAN2's for R1 at every 16th step: c = 16 / 17."""
    c, gradient = 16 / 17, np.float32(3.0)
    adam = make_adam(AdamSettings(1e-2, beta1=0.5), STEPS, Cadence(plain=1.0, lazy=1 / 16))
    _, state = adam.update(gradient, adam.init(gradient))
    np.testing.assert_allclose(state[0].mu, (1 - 0.5**c) * 3, rtol=1e-6)
    np.testing.assert_allclose(state[0].nu, (1 - 0.9**c) * 9, rtol=1e-6)
    move, _ = adam.update(gradient, adam.init(gradient))
    np.testing.assert_allclose(move, -1e-2 * c, rtol=1e-5)


def test_cadence_counts_a_players_updates() -> None:
    objective = object()
    updates = [
        Update(objective, ("discriminator",), repeats=3),
        Update(objective, ("generator",)),
        Update(objective, ("discriminator",), every=16, name="r1"),
    ]
    assert cadence_of("discriminator", updates) == Cadence(3, 1 / 16)
    assert cadence_of("generator", updates) == Cadence(1, 0)


def test_players_have_rates_and_decays_of_their_own(small_pairs: dict[str, Any]) -> None:
    """Two time scales, and a decay for the discriminators alone."""
    config = runs.config_of(
        {
            **runs.TOY,
            **small_pairs,
            "optimizers.generator.learning_rate": 1e-4,
            "optimizers.discriminator.learning_rate": 4e-4,
            "optimizers.discriminator.schedule": "linear",
        }
    )
    value, one = jnp.zeros(()), jnp.ones(())
    for player, wanted in {
        "generator": [1e-4] * 4,
        "discriminator": [4e-4, 3e-4, 2e-4, 1e-4],
    }.items():
        adam, found = Run(config).optimizers[player], []
        state = adam.init(value)
        for _ in range(4):
            move, state = adam.update(one, state)
            found.append(-float(move))
        np.testing.assert_allclose(found, wanted, rtol=1e-3, err_msg=player)


def test_clipping_limits_the_global_norm() -> None:
    """The first moment after one step, with beta1 = 0, is the clipped gradient."""
    adam = make_adam(AdamSettings(learning_rate=1.0, clip_norm=1.0), STEPS)
    params = {"a": np.zeros(2, np.float32), "b": np.zeros(1, np.float32)}
    gradients = {"a": np.float32([3.0, 0.0]), "b": np.float32([4.0])}
    _, state = adam.update(gradients, adam.init(params), params)
    moments = state[1][0].mu
    np.testing.assert_allclose(moments["a"], [0.6, 0.0], atol=1e-6)
    np.testing.assert_allclose(moments["b"], [0.8], atol=1e-6)


def test_bad_settings_are_named() -> None:
    with pytest.raises(UserError, match="warmup_steps=100 must be less than the run's 100"):
        make_schedule(AdamSettings(1e-3, warmup_steps=100), STEPS)
