"""Each rule detects its failure in the diagnostics of a check, and none in healthy ones."""

import re

import pytest

from cinegan_jax.health.rules import RULES, Crossing, Rule, make_rules, remembered
from configs.default import get_config

HEALTHY = {
    "discriminator/accuracy_full": 0.65,
    "discriminator/accuracy_half": 0.7,
    "discriminator/accuracy_real_full": 1.0,
    "discriminator/accuracy_fake_full": 0.3,
    "generator/gradient_norm_to_start": 0.8,
    "discriminator/gradient_norm_to_start": 1.4,
    "generator/update_ratio": 1e-3,
    "output/distance_to_targets": 0.95,
    "output/saturated_excess": 0.01,
    "output/burnt_excess": -0.01,
    "output/colour_cast": 1.2,
    "output/target_distance_to_start": 0.3,
    "level/l1_to_start": 0.3,
    "level/feature_matching_to_start": 0.9,
    "data/wait_share": 0.01,
    "steps/non_finite": 0.0,
}
SICK = {
    "discriminator_overpowers": {"discriminator/accuracy_half": 1.0},
    "discriminator_misled": {"discriminator/accuracy_full": 0.02},
    "generator_gradient_vanishes": {"generator/gradient_norm_to_start": 1e-4},
    "collapse": {"output/distance_to_targets": 0.01},
    "oscillation": {"discriminator/accuracy_full": 0.99},
    "saturation": {"output/saturated_excess": 0.6},
    "blooming": {"output/burnt_excess": 0.2},
    "colour_cast": {"output/colour_cast": 30.0},
    "divergence": {"level/feature_matching_to_start": 12.0},
    "stalled_input": {"data/wait_share": 0.8},
    "non_finite": {"steps/non_finite": 3.0},
}
TURNS = [{"discriminator/accuracy_full": a} for a in (0.99, 0.2, 0.98, 0.7, 0.1)]


def shipped() -> dict[str, Rule]:
    health = get_config().health
    return make_rules({name: dict(health[name]) for name in RULES})


@pytest.mark.parametrize("name", RULES)
def test_a_healthy_check_shows_nothing(name: str) -> None:
    assert shipped()[name].crossings(HEALTHY, [remembered(HEALTHY)] * 12) == []


@pytest.mark.parametrize("name", RULES)
def test_a_sick_check_shows_its_failure_and_no_other(name: str) -> None:
    past = TURNS if name == "oscillation" else []
    found = {n: rule.crossings(HEALTHY | SICK[name], past) for n, rule in shipped().items()}
    also = {"oscillation": {"discriminator_overpowers"}}.get(name, set())
    assert {n for n, crossings in found.items() if crossings} == {name} | also
    for diagnostic, value, limit in found[name]:
        assert diagnostic.removesuffix("_turns") in SICK[name]
        assert value == SICK[name].get(diagnostic, 4)
        assert limit != value or name == "oscillation"


@pytest.mark.parametrize("name", RULES)
def test_diagnostics_that_are_missing_show_nothing(name: str) -> None:
    rule = shipped()[name]
    assert rule.crossings({}, []) == rule.crossings(dict.fromkeys(HEALTHY), []) == []


def test_a_generator_that_does_not_move_is_detected_by_its_updates() -> None:
    rule = shipped()["generator_gradient_vanishes"]
    still = HEALTHY | {"generator/update_ratio": 0.0}
    assert rule.crossings(still, []) == [Crossing("generator/update_ratio", 0.0, 1e-9)]


def test_exploding_gradients_are_a_divergence() -> None:
    exploded = HEALTHY | {"discriminator/gradient_norm_to_start": 1e4}
    (crossing,) = shipped()["divergence"].crossings(exploded, [])
    assert crossing.diagnostic == "discriminator/gradient_norm_to_start"


def test_turns_are_counted_between_the_limits_and_beyond() -> None:
    """0.7 is neither ahead nor behind; a discriminator that stays ahead takes no turns."""
    rule = shipped()["oscillation"]
    now = HEALTHY | {"discriminator/accuracy_full": 0.99}
    assert rule.crossings(now, TURNS) == [Crossing("discriminator/accuracy_full_turns", 4, 4)]
    assert rule.crossings(now, TURNS[1:]) == []
    assert rule.crossings(now, [{"discriminator/accuracy_full": 0.99}] * 12) == []


def test_a_rule_that_is_off_is_left_out() -> None:
    settings = {"collapse": {"action": "off", "patience": 3, "distance_to_targets": 0.3}}
    assert make_rules(settings) == {}


@pytest.mark.parametrize("name", RULES)
def test_messages_are_sentences_that_name_existing_config_keys(name: str) -> None:
    """A `*` in a key stands for each player."""
    rule = shipped()[name]
    config = {**get_config().to_dict(), "capacity": 16}
    for text in (rule.meaning, rule.remedy):
        assert text[0].isupper()
        assert not text.endswith(".")
    for key in re.findall(r"config\.([\w.*]+\w)", rule.remedy):
        value = config
        for part in key.split("."):
            value = value["generator" if part == "*" else part]
