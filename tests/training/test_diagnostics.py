"""Diagnostics of a step compared with numpy and skimage, and on all partitionings."""

from dataclasses import replace
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from agreement import largest_gap
from skimage.color import rgb2lab
from toy_family import ToyFamily

from cinegan_jax.core.types import Scalar
from cinegan_jax.families.api import Aux
from cinegan_jax.training.diagnostics import image_diagnostics
from cinegan_jax.training.gradients import metric_names
from cinegan_jax.training.partitioner import Partitioner
from cinegan_jax.training.partitioning import MeshJit, make_partitioner
from cinegan_jax.training.pmap import Pmap
from cinegan_jax.training.state import TrainState, init_state
from cinegan_jax.training.step import StepSettings, make_measured_step, make_train_step

PAIRS, SIZE = 16, 64
IMAGES = jax.ShapeDtypeStruct((PAIRS, SIZE, SIZE, 3), np.uint8)
SHAPES = {"input": IMAGES, "target": IMAGES}
OPTIMIZERS = {player: optax.sgd(0.1) for player in ("generator", "discriminator")}
SETTINGS = StepSettings(ema_decay=0.75)


class Shown(ToyFamily):
    """Family that generates without the noise that differs between replicas."""

    def objective(self, *arguments: Any) -> tuple[dict[str, Scalar], Aux]:
        params, state, _, batch, rng = arguments
        losses, aux = super().objective(*arguments)
        diagnostics = {"discriminator/score": aux.metrics["score"]}
        return losses, aux._replace(
            diagnostics=diagnostics, generated=self.generate(params, state, batch, rng)
        )


FAMILY = Shown()


@cache
def fresh() -> TrainState:
    names = metric_names(FAMILY, None, SHAPES)
    return jax.jit(partial(init_state, FAMILY, OPTIMIZERS, names, 0, SHAPES, True))()


@pytest.fixture
def batch(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {name: rng.integers(0, 256, like.shape, np.uint8) for name, like in SHAPES.items()}


def measured(
    partitioning: Partitioner, batch: Any, **settings: Any
) -> tuple[TrainState, dict[str, Any]]:
    make = partial(make_measured_step, FAMILY, OPTIMIZERS, replace(SETTINGS, **settings))
    step = partitioning.compile_measured(make, fresh())
    state, diagnostics = step(
        partitioning.place_state(fresh()), None, partitioning.place_batch(batch)
    )
    return jax.device_get((partitioning.unreplicate(state), partitioning.unreplicate(diagnostics)))


def alone(batch: Any, **settings: Any) -> tuple[TrainState, dict[str, Any]]:
    return measured(make_partitioner("jit", 1, False), batch, **settings)


def test_measuring_changes_no_step(batch: Any) -> None:
    step = jax.jit(make_train_step(FAMILY, OPTIMIZERS, SETTINGS))
    assert largest_gap(step(fresh(), None, batch), alone(batch)[0]) < 1e-6


def test_norms_of_players_and_blocks(batch: Any) -> None:
    state, diagnostics = alone(batch)
    before, after = jax.device_get((fresh().params, state.params))
    for player, blocks in before.items():
        squares = 0.0
        for block, values in blocks.items():
            norm = np.linalg.norm(after[player][block] - values)
            assert diagnostics[f"{player}/update_norm/{block}"] == pytest.approx(norm, rel=1e-4)
            # Plain gradient descent: an update is a tenth of the gradient.
            assert diagnostics[f"{player}/gradient_norm/{block}"] == pytest.approx(
                10 * norm, rel=1e-4
            )
            assert diagnostics[f"{player}/parameter_norm/{block}"] == pytest.approx(
                np.linalg.norm(values), abs=1e-6
            )
            squares += norm**2
        assert diagnostics[f"{player}/update_norm"] == pytest.approx(np.sqrt(squares), rel=1e-4)


def test_how_far_the_average_is_behind(batch: Any) -> None:
    state, diagnostics = alone(batch)
    flat, _ = jax.flatten_util.ravel_pytree(state.params["generator"])
    average, _ = jax.flatten_util.ravel_pytree(state.ema["generator"])
    gap = np.linalg.norm(average - flat) / np.linalg.norm(flat)
    assert diagnostics["generator/ema_gap"] == pytest.approx(gap, rel=1e-4)
    assert gap > 1e-3


@pytest.mark.parametrize(
    "partitioning",
    [lambda: Pmap(), lambda: MeshJit(), lambda: MeshJit(spatial=2, shard_optimizer=True)],
    ids=["pmap", "pjit", "rows"],
)
def test_all_partitionings_measure_the_same(
    partitioning: Any, batch: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(jax.random, "normal", lambda key, shape: jnp.zeros(shape))
    reference, found = alone(batch)[1], measured(partitioning(), batch)[1]
    assert found.keys() == reference.keys()
    for name, value in reference.items():
        assert found[name] == pytest.approx(value, rel=1e-4, abs=1e-6), name


def test_slices_of_a_batch_measure_the_same(batch: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(jax.random, "normal", lambda key, shape: jnp.zeros(shape))
    whole, sliced = alone(batch)[1], alone(batch, accumulate_steps=4)[1]
    assert sliced.keys() == whole.keys()
    for name, value in whole.items():
        assert sliced[name] == pytest.approx(value, rel=1e-4, abs=1e-6), name


def test_rates_are_scaled(batch: Any) -> None:
    step = jax.jit(make_train_step(FAMILY, OPTIMIZERS, SETTINGS))
    scales = {"generator": jnp.float32(0.25), "discriminator": jnp.float32(1.0)}
    whole = step(fresh(), None, batch).params
    scaled = step(fresh(), None, batch, scales).params
    assert largest_gap(scaled["discriminator"], whole["discriminator"]) == 0
    moves, small = (
        jax.tree.map(lambda a, b: a - b, params["generator"], fresh().params["generator"])
        for params in (whole, scaled)
    )
    assert largest_gap(jax.tree.map(lambda x: x / 4, moves), small) < 1e-6


def test_image_diagnostics_equal_numpy(rng: np.random.Generator) -> None:
    shape = (5, 8, 8, 3)
    given, wanted = (rng.integers(0, 256, shape, np.uint8) for _ in range(2))
    output = rng.uniform(-1.2, 1.2, shape).astype(np.float32)
    output[0, :4] = 0.95
    found = jax.device_get(image_diagnostics(output, {"input": given, "target": wanted}))
    signed = {"output": output, "input": given / 127.5 - 1, "target": wanted / 127.5 - 1}
    for whose, images in signed.items():
        distance = np.mean([np.abs(images[0] - images[1]), np.abs(images[2] - images[3])])
        assert found[f"{whose}/pair_distance"] == pytest.approx(distance, rel=1e-5)
    variances = [np.var(output[i : i + 2], axis=0, ddof=1).mean() for i in (0, 2)]
    assert found["output/variance"] == pytest.approx(np.mean(variances), rel=1e-5)
    for whose in ("output", "target"):
        images = signed[whose]
        _, a, b = rgb2lab(np.clip((images + 1) / 2, 0, 1)).mean((0, 1, 2))
        assert found[f"{whose}/mean_a"] == pytest.approx(a, abs=0.01)
        assert found[f"{whose}/mean_b"] == pytest.approx(b, abs=0.01)
        assert found[f"{whose}/saturated_share"] == pytest.approx(np.mean(np.abs(images) >= 0.99))
        burnt = np.mean((images >= 0.9).all(-1))
        assert found[f"{whose}/burnt_share"] == pytest.approx(burnt)
    assert found["output/burnt_share"] >= 32 / 320
    gap = np.abs(output - signed["target"]).mean()
    assert found["output/target_distance"] == pytest.approx(gap, rel=1e-5)


def test_images_without_inputs_or_targets(rng: np.random.Generator) -> None:
    """The images of a family without targets in its batch."""
    found = image_diagnostics(rng.uniform(-1, 1, (4, 8, 8, 3)).astype(np.float32), {})
    assert {name.partition("/")[0] for name in found} == {"output"}
    assert all(np.isfinite(value) for value in found.values())


def test_unpaired_images_have_no_distance_to_their_target(rng: np.random.Generator) -> None:
    """Unconditional samples have diagnostics of the set, but none per pair."""
    targets = rng.integers(0, 256, (4, 8, 8, 3), np.uint8)
    output = rng.uniform(-1, 1, targets.shape).astype(np.float32)
    found = image_diagnostics(output, {"target": targets})
    assert "output/target_distance" not in found
    assert {"output/pair_distance", "target/pair_distance", "target/mean_a"} <= found.keys()


def test_one_image_alone_has_no_pair_distance(rng: np.random.Generator) -> None:
    found = image_diagnostics(rng.uniform(-1, 1, (1, 8, 8, 3)).astype(np.float32), {})
    assert np.isnan(found["output/pair_distance"])
    assert np.isfinite(found["output/mean_a"])
