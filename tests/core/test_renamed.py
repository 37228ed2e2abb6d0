"""Names of older versions and their present ones."""

import pytest

from cinegan_jax.core.renamed import current_name, current_path, with_current_names
from cinegan_jax.health.rules import RULES

RENAMED = {
    "critics": "discriminator",
    "critics/update_norm": "discriminator/update_norm",
    "critics/accuracy_real_full": "discriminator/accuracy_real_full",
    "critics/sigma/full/conv1": "discriminator/sigma/full/conv1",
    "critics_overpowers": "discriminator_overpowers",
    "critics_misled": "discriminator_misled",
    "critic_overpowers": "discriminator_overpowers",
    "critic_updates": "discriminator_updates",
    "critic_full": "discriminator_full",
    "loss_critics": "loss_discriminator",
    "loss_critics_r1": "loss_discriminator_r1",
    "gradient_norm_critics": "gradient_norm_discriminator",
}
UNCHANGED = (
    "generator",
    "discriminator",
    "discriminator_overpowers",
    "loss_generator",
    "loss_discriminator",
    "criticism",
    "my_critics",
    "loss_critic",
    "",
)


@pytest.mark.parametrize("name", RENAMED)
def test_an_old_name_becomes_the_present_one(name: str) -> None:
    assert current_name(name) == RENAMED[name]


@pytest.mark.parametrize("name", [*UNCHANGED, *RENAMED.values(), *RULES])
def test_other_names_are_unchanged(name: str) -> None:
    assert current_name(name) == name


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("params/critics/full/conv1/kernel", "params/discriminator/full/conv1/kernel"),
        ("family/generator/e2/conv", "model_state/generator/e2/conv"),
        ("family/critics/full/conv1", "model_state/discriminator/full/conv1"),
        ("family", "model_state"),
        (
            "optimizers/critics/0/mu/half/conv1/kernel",
            "optimizers/discriminator/0/mu/half/conv1/kernel",
        ),
        ("params/generator/family/kernel", "params/generator/family/kernel"),
        ("step", "step"),
    ],
)
def test_paths_of_arrays(path: str, expected: str) -> None:
    assert current_path(path) == expected
    assert current_path(expected) == expected


def test_keys_of_nested_records_are_renamed_and_values_are_not() -> None:
    old = {
        "optimizers": {"critics": {"learning_rate": 1e-4}},
        "rule": "critics_overpowers",
        "checks": [{"critics/accuracy_full": 0.5}, {"critic_misled": None}, "critics", 3],
    }
    assert with_current_names(old) == {
        "optimizers": {"discriminator": {"learning_rate": 1e-4}},
        "rule": "critics_overpowers",
        "checks": [
            {"discriminator/accuracy_full": 0.5},
            {"discriminator_misled": None},
            "critics",
            3,
        ],
    }
    assert old["checks"][0] == {"critics/accuracy_full": 0.5}
