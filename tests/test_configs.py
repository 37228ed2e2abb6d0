"""Every file of configs/ takes one shrunk step, and has the published values."""

import math
import operator
from pathlib import Path
from typing import Any

import h5py
import jax
import ml_collections
import numpy as np
import pytest
import runs

from cinegan_jax.convert.vgg19 import convert_vgg19
from cinegan_jax.nets.vgg19 import layer_shapes
from cinegan_jax.training.run import Run

NAMES = sorted(p.stem for p in (Path(__file__).parents[1] / "configs").glob("[!_]*.py"))
SIZES = {
    "batch_size": 8,
    "num_steps": 1,
    "data.size": 32,
    "generator.width": 4,
    "generator.num_blocks": 1,
    "discriminator.width": 4,
    "capacity": 4,
    "spatial": 1,
    "optimizers.generator.warmup_steps": 0,
    "optimizers.discriminator.warmup_steps": 0,
}


@pytest.fixture(scope="session")
def vgg19_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of random weights, converted from Keras' legacy layout as real ones are."""
    folder, rng = tmp_path_factory.mktemp("vgg19"), np.random.default_rng(19)
    with h5py.File(folder / "keras.h5", "w") as file:
        for name, parts in layer_shapes().items():
            group = file.create_group(name)
            for part in ("kernel", "bias"):
                fan_in = math.prod(parts["kernel"][:-1])
                weights = rng.standard_normal(parts[part], np.float32) / np.sqrt(fan_in)
                group.create_dataset(part, data=weights)
            group.attrs["weight_names"] = ["kernel", "bias"]
    convert_vgg19(folder / "keras.h5", folder / "vgg19.safetensors", allow_unknown=True)
    return folder / "vgg19.safetensors"


@pytest.mark.parametrize("name", NAMES)
def test_a_shrunk_step_moves_both_players(
    name: str, small_pairs: dict[str, Any], vgg19_file: Path
) -> None:
    config = runs.config_of({}, name)
    files = {**small_pairs, "vgg19_file": str(vgg19_file)} if config.family == "cinegan" else {}
    known = config.to_dict()
    sizes = {key: size for key, size in SIZES.items() if _has(known, key)}
    config.update_from_flattened_dict({**sizes, **files})
    run = Run(config)
    before = run.init_state()
    batch = jax.tree.map(lambda x: x[:1], next(batches := run.train_batches()))
    batches.close()
    after = jax.jit(run.make_step())(before, run.frozen, batch)
    assert (int(after.step), int(after.nonfinite.total)) == (1, 0)
    moved = jax.tree.map(lambda old, new: bool((old != new).any()), before.params, after.params)
    for player in ("generator", "discriminator"):
        assert any(jax.tree.leaves(moved[player])), f"{player} did not move"
    terms = {term for term, factor in config.get("losses", {}).items() if factor}
    assert {"loss_generator", "loss_discriminator", *terms} <= after.window.sums.keys()
    assert bool(after.ema) == (config.ema_decay > 0)


def _has(tree: dict[str, Any], key: str) -> bool:
    first, _, rest = key.partition(".")
    return first in tree and (not rest or _has(tree[first], rest))


@pytest.fixture
def published() -> ml_collections.ConfigDict:
    return runs.config_of({}, "tpu_v3_8")


def assert_values(config: ml_collections.ConfigDict, values: dict[str, Any]) -> None:
    assert {key: operator.attrgetter(key)(config) for key in values} == values


def test_the_published_run_has_the_published_values(published: ml_collections.ConfigDict) -> None:
    assert_values(
        published,
        {
            "batch_size": 64,
            "num_epochs": 50.0,
            "num_steps": 0,
            "precision": "bf16",
            "ema_decay": 0.0,
            "data.size": 512,
            "data.crop": "squash",
            "generator.residual": False,
            "generator.colour_path": 0,
            "losses.adversarial": 1.0,
            "losses.feature_matching": 10.0,
            "losses.perceptual": 2.0,
            "losses.total_variation": 0.0,
            "losses.l1": 0.0,
            "optimizers.generator.learning_rate": 5e-5,
            "optimizers.discriminator.learning_rate": 1e-4,
        },
    )
    for adam in published.optimizers.values():
        assert_values(adam, {"beta1": 0.0, "beta2": 0.9, "epsilon": 1e-7, "schedule": "constant"})
        assert_values(adam, {"warmup_steps": 0, "clip_norm": 0.0})


def test_fine_tuning_differs_in_rate_losses_and_length(
    published: ml_collections.ConfigDict,
) -> None:
    config = runs.config_of({}, "tpu_v3_8_finetune")
    changes = {
        "num_epochs": 15.0,
        "optimizers.generator.learning_rate": 2.5e-5,
        "losses.perceptual": 1.0,
        "losses.total_variation": 20.0,
    }
    assert_values(config, changes)
    published.update_from_flattened_dict(changes)
    assert config == published


def test_the_published_networks_have_the_published_sizes(
    published: ml_collections.ConfigDict,
) -> None:
    params = Run(published).network_shapes().params
    sizes = {
        player: sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree))
        for player, tree in params.items()
    }
    assert sizes == {"generator": 51_821_663, "discriminator": 2 * 2_769_601}


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("default", {"generator.width": 1, "generator.num_blocks": 0, "discriminator.width": 1}),
        ("default", {"data.size": 40, "generator.width": 1, "generator.norm": "layer"}),
        ("film", {"generator.colour_table": 2, "generator.width": 1, "generator.glow_path": 1}),
        ("dcgan_64", {"generator.width": 1, "discriminator.width": 1, "generator.latent_size": 1}),
        ("image_gan_64", {"capacity": 1, "generator.latent_size": 1}),
    ],
)
def test_networks_at_the_limits_of_their_keys_can_be_built(
    name: str, settings: dict[str, Any]
) -> None:
    sizes = {"data.size": 32} if "data.size" not in settings else {}
    params = Run(runs.config_of({**sizes, **settings}, name)).network_shapes().params
    assert all(0 not in leaf.shape for leaf in jax.tree.leaves(params))
