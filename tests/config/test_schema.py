"""The schema: types, limits, defaults, and the names that it shares with the code."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import pytest

from cinegan_jax.config import health
from cinegan_jax.config.check import read_section, to_config_dict
from cinegan_jax.config.run import (
    Crop,
    RunConfig,
)
from cinegan_jax.config.schema import KeyLimits, Section, key, keys_of, section, with_default
from cinegan_jax.core.errors import UserError
from cinegan_jax.families.cinegan_config import PERCEPTUAL_LAYERS, LossWeights
from cinegan_jax.families.game import LABELLED_LOSSES, AdversarialLoss, Augmentation
from cinegan_jax.families.registry import FAMILIES
from cinegan_jax.nets.settings import NormName, ResUnetSettings


@dataclass(frozen=True)
class Inner(Section):
    """An inner section."""

    rate: float = key(0.5, "A rate.", above=0, below=1)


@dataclass(frozen=True)
class Outer(Section):
    """A section with every type of key."""

    mode: Literal["a", "b"] = key("a", "A choice.")
    sizes: tuple[int, ...] = key((8, 16), "A list.", multiple_of=8)
    modes: tuple[Literal["x", "y"], ...] = key(("x",), "A list of choices.")
    weights: Mapping[str, float] = key({"one": 1.0, "two": 0.0}, "Weights.", at_least=0)
    inner: Inner = section(Inner())


@dataclass(frozen=True)
class Other(Outer):
    """The same with other defaults."""

    mode: Literal["a", "b"] = with_default(Outer, "mode", "b")
    inner: Inner = section(Inner(rate=0.25))


def test_a_section_becomes_a_config_and_back() -> None:
    config = to_config_dict(Outer())
    assert config.to_dict() == {
        "mode": "a",
        "sizes": (8, 16),
        "modes": ("x",),
        "weights": {"one": 1.0, "two": 0.0},
        "inner": {"rate": 0.5},
    }
    assert read_section(Outer(), config) == Outer()
    config.inner.rate, config.sizes, config.weights.two = 0.75, (24,), 3.0
    expected = Outer(sizes=(24,), weights={"one": 1.0, "two": 3.0}, inner=Inner(0.75))
    assert read_section(Outer(), config) == expected


def test_lists_of_json_and_whole_floats_are_accepted() -> None:
    read = read_section(
        Outer(),
        {**to_config_dict(Outer()).to_dict(), "sizes": [8], "weights": {"one": 2, "two": 0}},
    )
    assert read.sizes == (8,)
    assert [type(weight) for weight in read.weights.values()] == [float, float]


def test_an_inherited_key_may_have_another_default() -> None:
    assert (Other().mode, Other().inner.rate, Outer().mode) == ("b", 0.25, "a")
    assert [each.name for each in keys_of(Other)] == [each.name for each in keys_of(Outer)]
    assert keys_of(Other)[0].meaning == "A choice."


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mode": "c"}, "config.mode='c' is not one of a, b"),
        ({"sizes": (8, 9)}, "config.sizes=9 must be a multiple of 8"),
        ({"sizes": 8}, "config.sizes=8 must be a list"),
        ({"modes": ("x", "z")}, "config.modes='z' is not one of x, y"),
        ({"weights": {"one": 1.0}}, "config.weights.two is missing"),
        ({"weights": {"one": -1.0, "two": 0.0}}, "config.weights.one=-1.0 must be 0 or more"),
        ({"weights": {"one": 1.0, "two": 0.0, "tow": 1.0}}, "config.weights.tow is not a key"),
        ({"inner": {"rate": 1.0}}, "config.inner.rate=1.0 must be more than 0, less than 1"),
        ({"inner": {"rte": 0.5, "rate": 0.5}}, "inner.rte is not a key .* are: inner.rate"),
        ({"inner": 3}, "config.inner=3 must be a section"),
    ],
)
def test_wrong_values_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_section(Outer(), {**to_config_dict(Outer()).to_dict(), **change})


def test_limits_in_words() -> None:
    assert str(KeyLimits(at_least=0, below=1)) == "0 or more, less than 1"
    assert str(KeyLimits(above=0, at_most=2, multiple_of=8)) == (
        "more than 0, 2 or less, a multiple of 8"
    )
    assert str(KeyLimits(choices=("a", "b"))) == "one of a, b"
    assert str(KeyLimits()) == ""


def test_each_family_is_registered_under_its_own_name() -> None:
    for name in ("cinegan", "dcgan", "image_gan"):
        assert FAMILIES[name].defaults.family == name


def test_the_names_in_the_schema_are_those_of_the_code() -> None:
    """The schema imports no JAX, so it repeats names of modules that do."""
    from cinegan_jax.data.selection import FITS
    from cinegan_jax.data.transforms import CROPS
    from cinegan_jax.families.adversarial import _LABELLED
    from cinegan_jax.nets.layers import NORMS
    from cinegan_jax.nets.res_unet import ResUnetGenerator
    from cinegan_jax.nets.vgg19 import LAYERS, PUBLISHED_LAYER
    from cinegan_jax.ops.diff_augment import POLICIES

    assert set(get_args(Crop)) == set(CROPS) == set(FITS)
    assert set(get_args(Augmentation)) == set(POLICIES)
    assert set(get_args(NormName)) == set(NORMS)
    assert set(LABELLED_LOSSES) == set(_LABELLED) == set(get_args(AdversarialLoss)) - {"hinge"}
    assert tuple(PERCEPTUAL_LAYERS) == LAYERS
    assert [name for name, weight in PERCEPTUAL_LAYERS.items() if weight] == [PUBLISHED_LAYER]
    generator = ResUnetGenerator()
    assert {name: getattr(generator, name) for name in vars(ResUnetSettings())} == vars(
        ResUnetSettings()
    )


def test_the_rules_have_the_keys_of_the_schema() -> None:
    from cinegan_jax.health.rules import ACTIONS, RULES

    settings = {name: type(rule) for name, rule in _rules().items()}
    assert list(settings) == list(RULES)
    assert get_args(health.Action) == ACTIONS
    for name, rule in RULES.items():
        keys = {each.name for each in keys_of(settings[name])}
        assert keys == {field.name for field in dataclasses.fields(rule)}, name


def _rules() -> dict[str, Section]:
    sections = {
        field.name: getattr(health.HealthSettings(), field.name)
        for field in dataclasses.fields(health.HealthSettings)
    }
    return {name: found for name, found in sections.items() if isinstance(found, Section)}


def test_settings_are_their_own_defaults() -> None:
    """A default stands in the dataclass alone: configs made of it agree with the code's."""
    config = to_config_dict(FAMILIES["cinegan"].defaults)
    assert LossWeights(**config.losses) == LossWeights()
    assert ResUnetSettings(**config.generator) == ResUnetSettings()
    assert config.batch_size == RunConfig().batch_size
