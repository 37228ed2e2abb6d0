"""Schedules in closed form."""

import math

import numpy as np
import pytest

from cinegan_jax.errors import UserError
from cinegan_jax.training.optimizers import AdamSettings, make_adam, make_schedule

STEPS = 100


def rates(**settings: object) -> np.ndarray:
    schedule = make_schedule(AdamSettings(learning_rate=2e-4, **settings), STEPS)
    return np.array([float(schedule(step)) for step in range(STEPS + 1)])


def test_constant():
    np.testing.assert_allclose(rates(), 2e-4, rtol=1e-6)


def test_linear_ends_at_zero():
    expected = 2e-4 * (1 - np.arange(STEPS + 1) / STEPS)
    np.testing.assert_allclose(rates(schedule="linear"), expected, atol=1e-10)


def test_cosine():
    expected = [1e-4 * (1 + math.cos(math.pi * step / STEPS)) for step in range(STEPS + 1)]
    np.testing.assert_allclose(rates(schedule="cosine"), expected, atol=1e-10)


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
def test_warm_up_rises_in_a_line_to_the_peak(schedule):
    found = rates(schedule=schedule, warmup_steps=20)
    np.testing.assert_allclose(found[:21], 2e-4 * np.arange(21) / 20, atol=1e-10)
    assert found[-1] == pytest.approx(2e-4 if schedule == "constant" else 0.0, abs=1e-10)


def test_clipping_limits_the_global_norm():
    """The first moment after one step, with beta1 = 0, is the clipped gradient."""
    adam = make_adam(AdamSettings(learning_rate=1.0, clip_norm=1.0), STEPS)
    params = {"a": np.zeros(2, np.float32), "b": np.zeros(1, np.float32)}
    gradients = {"a": np.float32([3.0, 0.0]), "b": np.float32([4.0])}
    _, state = adam.update(gradients, adam.init(params), params)
    moments = state[1][0].mu
    np.testing.assert_allclose(moments["a"], [0.6, 0.0], atol=1e-6)
    np.testing.assert_allclose(moments["b"], [0.8], atol=1e-6)


def test_bad_settings_are_named():
    with pytest.raises(UserError, match="'step' is not one of constant, linear, cosine"):
        make_schedule(AdamSettings(1e-3, schedule="step"), STEPS)
    with pytest.raises(UserError, match="warmup_steps=100 must be less than the run's 100"):
        make_schedule(AdamSettings(1e-3, warmup_steps=100), STEPS)
