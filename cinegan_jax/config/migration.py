"""Upgrade the configs that older versions wrote into workdirs, one version after the other."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.renamed import with_current_names

CONFIG_VERSION = 3
"""Version of the keys. Raise it when a key is added, renamed or removed, and add a step below."""

VERSION_KEY = "config_version"


def migrate(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config as read from config.json, upgraded to the present keys.

    Args:
      config: the content of the file; one without `config_version` is of version 1.

    Returns:
      the same settings, without `config_version`.

    Raises:
      UserError: a newer version of the package wrote it.
    """
    upgraded = copy.deepcopy(dict(config))
    version = upgraded.pop(VERSION_KEY, 1)
    if type(version) is not int or version not in range(1, CONFIG_VERSION + 1):
        raise UserError(
            f"{VERSION_KEY}={version!r}: this version of cinegan-jax reads configs of versions 1 "
            f"to {CONFIG_VERSION}; install the version that wrote it, or a newer one"
        )
    for step in range(version, CONFIG_VERSION):
        upgraded = _STEPS[step](upgraded)
    return upgraded


def with_version(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config of the present keys with its version, as config.json holds it."""
    return {VERSION_KEY: CONFIG_VERSION, **config}


def _from_1_to_2(config: Mapping[str, Any]) -> dict[str, Any]:
    """Rename keys, and add those that came during version 1 with what runs did without them."""
    renamed = with_current_names(config)
    added = {**_ADDED_TO_ALL, **_ADDED_TO_FAMILY.get(_family(renamed), {})}
    upgraded = _filled(renamed, added)
    generator = upgraded.get("generator")
    path = generator.get("colour_path") if isinstance(generator, dict) else None
    if isinstance(path, bool):  # a switch, at first: 32 channels or none
        upgraded["generator"]["colour_path"] = 32 if path else 0
    return upgraded


def _from_2_to_3(config: Mapping[str, Any]) -> dict[str, Any]:
    """Add keys with what runs did without them."""
    added = {**_ADDED_IN_3, **_ADDED_TO_FAMILY_IN_3.get(_family(config), {})}
    return _filled(config, added)


def _family(config: Mapping[str, Any]) -> str | None:
    """Return the name of the family; a file may hold anything in its place."""
    name = config.get("family")
    return name if isinstance(name, str) else None


def _filled(config: Mapping[str, Any], added: Mapping[str, Any]) -> dict[str, Any]:
    """Return `config` with the keys of `added` that it lacks, at every level."""
    filled = dict(config)
    for name, value in added.items():
        if name not in filled:
            filled[name] = copy.deepcopy(value)
        elif isinstance(value, Mapping) and isinstance(filled[name], Mapping):
            filled[name] = _filled(filled[name], value)
    return filled


def _rule(patience: int, **limits: float) -> dict[str, Any]:
    return {"action": "warn", "patience": patience, **limits}


# These values are history: they stay as they are when defaults change.
_ADDED_TO_ALL: Mapping[str, Any] = {
    "parallelism": "pmap",
    "spatial": 1,
    "shard_optimizer": False,
    "profile_steps": 0,
    "data": {"cache": "~/.cache/cinegan"},
    "ema_warmup": False,
    "sample_scores": False,
    "health": {
        "every_steps": 0,  # such runs did not check their health
        "grace_steps": 200,
        "lower_rate_factor": 0.5,
        "max_rollbacks": 2,
        "discriminator_overpowers": _rule(5, accuracy=0.98),
        "discriminator_misled": _rule(5, accuracy=0.2),
        "generator_gradient_vanishes": _rule(5, gradient_to_start=0.01, update_ratio=1e-9),
        "collapse": _rule(3, distance_to_targets=0.3),
        "oscillation": _rule(2, ahead=0.9, behind=0.5, turns=4),
        "saturation": _rule(3, excess=0.2),
        "blooming": _rule(3, excess=0.03),
        "colour_cast": _rule(5, delta=8.0),
        "divergence": _rule(3, level_to_start=3.0, gradient_to_start=100.0),
        "stalled_input": _rule(3, wait_share=0.3),
        "non_finite": _rule(1, steps=1),
    },
}
_ADVERSARIAL: Mapping[str, Any] = {
    "loss": "hinge",
    "label_smoothing": 0.0,
    "label_flips": 0.0,
    "noise": 0.0,
    "noise_steps": 0,
    "augment": "",
    "r1": 0.0,
    "r1_every": 16,
    "discriminator_updates": 1,
    "generator_updates": 1,
}
_VGG19_LAYERS = [
    f"block{block}_conv{i}"
    for block, convolutions in enumerate((2, 2, 4, 2), start=1)
    for i in range(1, convolutions + 1)
]
_ADDED_TO_FAMILY: Mapping[str | None, Mapping[str, Any]] = {
    "cinegan": {
        "generator": {
            "colour_path": 0,
            "glow_path": 0,
            "colour_table": 0,
            "norm": "instance",
        },
        "losses": {"lab": 0.0, "histogram": 0.0},
        "adversarial": _ADVERSARIAL,
        "perceptual_layers": {**dict.fromkeys(_VGG19_LAYERS, 0.0), "block4_conv2": 1.0},
    },
}

_ADDED_IN_3: Mapping[str, Any] = {
    "stop_after": "",
    "keep_every_steps": 0,
    "restore_step": "newest",
    "trackers": ["tensorboard"],
    "data": {"corrupt_floor": 0, "accept_fingerprint": ""},
}

_ADDED_TO_FAMILY_IN_3: Mapping[str | None, Mapping[str, Any]] = {
    "cinegan": {"generator": {"monochrome": False}},
}

_STEPS: Mapping[int, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    1: _from_1_to_2,
    2: _from_2_to_3,
}
"""Upgrades to the next version, by the version that each of them reads."""
