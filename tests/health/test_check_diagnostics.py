"""Ratios and differences that the host derives from the measurements of a step."""

import math

import pytest

from cinegan_jax.health.diagnostics import derive


def test_updates_are_relative_to_the_parameters_that_they_move() -> None:
    measured = {
        "generator/update_norm": 0.5,
        "generator/parameter_norm": 10.0,
        "generator/update_norm/e1": 0.3,
        "generator/parameter_norm/e1": 3.0,
        "generator/update_norm/new": 0.1,
        "generator/parameter_norm/new": 0.0,
    }
    found = derive(measured, {})
    assert found["generator/update_ratio"] == pytest.approx(0.05)
    assert found["generator/update_ratio/e1"] == pytest.approx(0.1)
    assert "generator/update_ratio/new" not in found  # nothing to divide by
    assert found["generator/parameter_norm"] == 10.0
    assert "generator/parameter_norm/e1" not in found  # only wanted for the ratio


def test_real_and_generated_images_have_equal_weight() -> None:
    measured = {
        "discriminator/accuracy_real_full": 0.9,
        "discriminator/accuracy_fake_full": 0.7,
        "discriminator/margin_real_half": -1.0,
        "discriminator/margin_fake_half": 4.0,
        "discriminator/accuracy_real": 1.0,
        "discriminator/accuracy_fake": 0.0,
    }
    found = derive(measured, {})
    assert found["discriminator/accuracy_full"] == pytest.approx(0.8)
    assert found["discriminator/margin_half"] == pytest.approx(1.5)
    # A family with one discriminator has no scale in the name.
    assert found["discriminator/accuracy"] == pytest.approx(0.5)


def test_outputs_are_compared_with_inputs_and_targets() -> None:
    measured = {
        "output/pair_distance": 0.1,
        "input/pair_distance": 0.4,
        "target/pair_distance": 0.5,
        **{"output/burnt_share": 0.08, "target/burnt_share": 0.03},
        **{"output/saturated_share": 0.5, "target/saturated_share": 0.1},
        **{"output/mean_a": 4.0, "target/mean_a": 1.0},
        **{"output/mean_b": -6.0, "target/mean_b": -2.0},
    }
    found = derive(measured, {})
    assert found["output/distance_to_inputs"] == pytest.approx(0.25)
    assert found["output/distance_to_targets"] == pytest.approx(0.2)
    assert found["output/burnt_excess"] == pytest.approx(0.05)
    assert found["output/saturated_excess"] == pytest.approx(0.4)
    assert found["output/colour_cast"] == pytest.approx(5.0)


def test_players_are_compared() -> None:
    measured = {"generator/gradient_norm": 6.0, "discriminator/gradient_norm": 1.5}
    assert derive(measured, {})["players/gradient_norm_ratio"] == pytest.approx(4.0)
    assert "players/gradient_norm_ratio" not in derive({"discriminator/gradient_norm": 1.5}, {})


def test_levels_are_relative_to_their_start() -> None:
    found = derive({"level/l1": 3.0}, {"level/l1": 2.0, "level/perceptual": 5.0})
    assert found["level/l1_to_start"] == pytest.approx(1.5)
    assert "level/perceptual_to_start" not in found


def test_values_that_are_not_finite_become_none() -> None:
    measured = {"level/l1": math.nan, "generator/gradient_norm": math.inf}
    found = derive({**measured, "discriminator/gradient_norm": 2.0}, {"level/l1": 1.0})
    assert found == {
        "level/l1": None,
        "generator/gradient_norm": None,
        "discriminator/gradient_norm": 2.0,
        "players/gradient_norm_ratio": None,
        "level/l1_to_start": None,
    }
