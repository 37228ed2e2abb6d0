"""No value that cannot work is accepted, and none is refused by anything but a UserError."""

import functools
import math
import operator
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, get_origin

import pytest

from cinegan_jax.config.load import check_config, load_config
from cinegan_jax.config.overrides import flat_keys
from cinegan_jax.config.schema import Key, KeyLimits, Section, keys_of, sections_of
from cinegan_jax.config.sources import shipped_names
from cinegan_jax.core.errors import UserError
from cinegan_jax.families.registry import family_entry

CONFIGS = {name: load_config(name).to_dict() for name in shipped_names()}
Tree = dict[str, Any]

WRONG_TYPES: Mapping[type, tuple[Any, ...]] = {
    bool: (1, 0.0, "yes", None, [True]),
    int: (True, 1.5, "3", None, [3], math.nan),
    float: (True, "0.5", None, [0.5], math.nan, math.inf, -math.inf),
    str: (3, 0.5, True, None, ["text"]),
}


class Leaf(NamedTuple):
    """One value of a config."""

    path: tuple[str, ...]
    key: Key

    @property
    def name(self) -> str:
        return ".".join(self.path)


def leaves_of(values: Section, *path: str) -> Iterator[Leaf]:
    for key in keys_of(type(values)):
        if get_origin(key.type) is Mapping:
            yield from (Leaf((*path, key.name, name), key) for name in getattr(values, key.name))
        else:
            yield Leaf((*path, key.name), key)
    for name, section in sections_of(values).items():
        yield from leaves_of(section, *path, name)


def with_value(tree: Tree, path: tuple[str, ...], value: Any) -> Tree:
    """Return a copy with another value, whatever its type."""
    name, *rest = path
    return {**tree, name: with_value(tree[name], tuple(rest), value) if rest else value}


def with_section(tree: Tree, path: list[str], section: Tree) -> Tree:
    """Return a copy with another section; of no name, the whole of it."""
    return with_value(tree, tuple(path), section) if path else section


def values_outside(limits: KeyLimits, kind: type) -> Iterator[Any]:
    """Yield values of the right type just outside each limit, and far outside it."""
    if limits.choices:
        yield from ("", "no such choice", str(limits.choices[0]).upper())
        return
    step = 1 if kind is int else 1e-6
    for bound, sign, excluded in (
        (limits.at_least, -1, False),
        (limits.above, -1, True),
        (limits.at_most, 1, False),
        (limits.below, 1, True),
    ):
        if bound is not None:
            yield kind(bound) if excluded else kind(bound + sign * step)
            yield kind(bound + sign * 1000)
    if limits.multiple_of:
        yield limits.multiple_of + 1


@pytest.mark.parametrize("name", CONFIGS)
def test_the_keys_of_a_config_are_those_of_its_schema(name: str) -> None:
    config = CONFIGS[name]
    leaves = list(leaves_of(family_entry(config["family"]).defaults))
    assert sorted(leaf.name for leaf in leaves) == sorted(key for key, _ in flat_keys(config))
    assert all(leaf.key.meaning.endswith(".") for leaf in leaves)


@pytest.mark.parametrize("name", CONFIGS)
def test_every_wrong_type_and_every_value_out_of_range_is_refused(name: str) -> None:
    config, refused = CONFIGS[name], 0
    for leaf in leaves_of(family_entry(config["family"]).defaults):
        kind = leaf.key.leaf_type
        for value in (*WRONG_TYPES[kind], *values_outside(leaf.key.limits, kind)):
            with pytest.raises(UserError) as found:
                check_config(with_value(config, leaf.path, value))
            assert f"config.{leaf.name}" in str(found.value) or leaf.name == "family"
            refused += 1
    assert refused > 500


@pytest.mark.parametrize("name", CONFIGS)
def test_every_missing_or_unknown_key_is_refused(name: str) -> None:
    config = CONFIGS[name]
    for leaf in leaves_of(family_entry(config["family"]).defaults):
        *sections, last = leaf.path
        section = functools.reduce(operator.getitem, sections, config)
        less = {name: value for name, value in section.items() if name != last}
        with pytest.raises(UserError, match=f"{leaf.name} is missing"):
            check_config(with_section(config, sections, less))
        more = section | {f"{last}_": section[last]}
        with pytest.raises(UserError, match=f"{leaf.name}_ is not a key .*{leaf.name}"):
            check_config(with_section(config, sections, more))


@pytest.mark.parametrize("name", CONFIGS)
def test_a_value_in_place_of_a_section_is_refused(name: str) -> None:
    config = CONFIGS[name]
    for section in (key for key, value in config.items() if isinstance(value, dict)):
        for value in (3, "text", None):
            with pytest.raises(UserError, match=f"config.{section}=.* must be a section of keys"):
                check_config(with_value(config, (section,), value))


BAD_COMBINATIONS = [
    ("default", {"generator.colour_table": 33}, "colour_table=33 needs .*residual=True"),
    (
        "default",
        {"generator.colour_table": 1, "generator.residual": True},
        r"colour_table=1 must be 0 \(no table\) or 2 or more nodes",
    ),
    ("default", {"generator.glow_path": 8}, "glow_path=8 needs config.generator.colour_path"),
    ("default", {"data.size": 100}, "config.data.size=100 must be a multiple of 8"),
    ("default", {"spatial": 2}, "spatial=2 needs config.parallelism='pjit', not 'pmap'"),
    ("default", {"shard_optimizer": True}, "shard_optimizer=True needs .*'pjit'"),
    (
        "default",
        {"spatial": 4, "parallelism": "pjit", "data.size": 64},
        "data.size=64 is too small for config.spatial=4: each device needs 32 rows",
    ),
    (
        "film",
        {"num_steps": 40},
        "optimizers.generator.warmup_steps=40 must be less than the run's 40 steps",
    ),
    ("default", {"sample_scores": True}, "sample_scores=True: family 'cinegan' learns from pairs"),
    ("default", {"best_metric": "feature_distance"}, "is not one of psnr, psnr_clean, delta_e"),
    (
        "default",
        {"perceptual_layers.block4_conv2": 0.0},
        r"losses.perceptual=2.0 needs a weight .*block1_conv1, ",
    ),
    ("default", {"adversarial.label_smoothing": 0.1}, "needs labels, which the loss 'hinge' has"),
    ("default", {"adversarial.label_flips": 0.1}, "set config.adversarial.loss to one of least_sq"),
    (
        "default",
        {"adversarial.augment": "colour,color"},
        "augment='color' is not one of colour, tr",
    ),
    ("dcgan_64", {"data.size": 96}, "config.data.size=96 must be a power of two"),
    ("dcgan_64", {"best_metric": "psnr"}, "is not one of feature_distance, kernel_distance"),
    (
        "image_gan_64",
        {"batch_norm": "replica", "parallelism": "jit"},
        "batch_norm='replica' needs config.parallelism='pmap', not 'jit'",
    ),
    (
        "image_gan_64",
        {"spatial": 2, "parallelism": "pjit"},
        "spatial=2 splits the rows of large images; family 'image_gan' has",
    ),
]


@pytest.mark.parametrize(("name", "settings", "message"), BAD_COMBINATIONS)
def test_bad_combinations_are_refused(name: str, settings: Mapping[str, Any], message: str) -> None:
    config = load_config(name)
    config.update_from_flattened_dict(settings)
    with pytest.raises(UserError, match=message):
        check_config(config)


def test_all_problems_are_named_at_once() -> None:
    config = load_config("default")
    config.update_from_flattened_dict({"batch_size": 0, "generator.norm": "batch", "seed": -1})
    with pytest.raises(UserError) as found:
        check_config(config)
    assert sorted(str(found.value).splitlines()) == [
        "config.batch_size=0 must be 1 or more",
        "config.generator.norm='batch' is not one of instance, layer",
        "config.seed=-1 must be 0 or more, 4294967295 or less",
    ]
