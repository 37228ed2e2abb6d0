"""Configs of older runs are upgraded by their version."""

import json
from pathlib import Path
from typing import Any

import ml_collections
import pytest

from cinegan_jax.config.load import check_config, default_config, load_config
from cinegan_jax.config.migration import CONFIG_VERSION, migrate, with_version
from cinegan_jax.core.errors import UserError
from cinegan_jax.families.game import Adversarial
from cinegan_jax.families.registry import build_family

OLD_FILE = Path(__file__).with_name("config_version_1.json")
"""The config.json of a run of version 1, with the names of that time."""


@pytest.fixture
def old() -> dict[str, Any]:
    return json.loads(OLD_FILE.read_text())


def without(tree: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in tree.items() if name not in names}


def test_a_config_of_version_1_has_its_values_under_present_names(old: dict[str, Any]) -> None:
    assert "critics" in old["optimizers"]
    config = load_config(OLD_FILE)
    assert config.optimizers.discriminator.learning_rate == 1e-4
    assert config.adversarial.discriminator_updates == 1
    assert (config.adversarial.r1, config.adversarial.r1_every) == (1.0, 2)
    assert config.health.discriminator_misled.accuracy == 0.2
    assert (config.generator.width, config.data.look) == (2, "classic_neg")


def test_a_config_from_before_a_section_behaves_as_its_run_did(old: dict[str, Any]) -> None:
    old["generator"] = without(old["generator"], "colour_table", "glow_path", "norm")
    old["losses"] = without(old["losses"], "lab", "histogram")
    older = without(
        old, "adversarial", "perceptual_layers", "health", "ema_warmup", "sample_scores"
    )
    config = ml_collections.ConfigDict(migrate(older))
    check_config(config)
    assert config.health.every_steps == 0
    family: Any = build_family(config)
    assert family.adversarial == Adversarial()
    assert family.perceptual_layers == {"block4_conv2": 1.0}
    assert (family.generator.colour_table, family.generator.norm) == (0, "instance")


def test_one_missing_section_does_not_shift_another(old: dict[str, Any]) -> None:
    old["perceptual_layers"] = dict.fromkeys(old["perceptual_layers"], 0.0)
    old["perceptual_layers"]["block1_conv1"] = 0.5
    family: Any = build_family(ml_collections.ConfigDict(migrate(without(old, "adversarial"))))
    assert family.adversarial == Adversarial()
    assert family.perceptual_layers == {"block1_conv1": 0.5}


@pytest.mark.parametrize(("switch", "channels"), [(True, 32), (False, 0), (16, 16)])
def test_the_colour_path_was_a_switch_once(switch: int, channels: int, old: dict[str, Any]) -> None:
    old["generator"]["colour_path"] = switch
    path = migrate(old)["generator"]["colour_path"]
    assert (path, type(path)) == (channels, int)


@pytest.mark.parametrize("family", ["cinegan", "dcgan", "image_gan"])
def test_a_config_of_the_present_version_stays_as_it_is(family: str) -> None:
    config = default_config(family).to_dict()
    assert with_version(config)["config_version"] == CONFIG_VERSION
    assert migrate(with_version(config)) == config


def test_a_config_of_version_2_has_no_limit_of_time_and_no_floor() -> None:
    new = default_config("dcgan").to_dict()
    new["data"] = without(new["data"], "corrupt_floor", "accept_fingerprint")
    upgraded = migrate(
        {
            **without(new, "stop_after", "keep_every_steps", "restore_step", "trackers"),
            "config_version": 2,
        }
    )
    check_config(upgraded)
    assert (upgraded["stop_after"], upgraded["keep_every_steps"]) == ("", 0)
    assert upgraded["data"]["corrupt_floor"] == 0


def test_the_given_config_is_not_changed(old: dict[str, Any]) -> None:
    before = json.dumps(old)
    migrate(old)
    assert json.dumps(old) == before


@pytest.mark.parametrize("version", [CONFIG_VERSION + 1, 0, "2", None])
def test_a_version_that_cannot_be_read_is_named(version: object, old: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=f"config_version={version!r}: .* reads configs of versio"):
        migrate({**old, "config_version": version})
