"""Updates that are repeated, lazy, or both players' own, on a family whose steps are sums."""

import contextlib
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import runs
from agreement import largest_gap
from toy_family import ToyFamily

from cinegan_jax.families.api import Aux, Update, Variables
from cinegan_jax.ops.images import to_signed
from cinegan_jax.training.gradients import metric_names, minibatch_count, minibatches
from cinegan_jax.training.partitioner import Partitioner
from cinegan_jax.training.partitioning import MeshJit, make_partitioner
from cinegan_jax.training.pmap import Pmap
from cinegan_jax.training.run import Run
from cinegan_jax.training.state import TrainState, init_state
from cinegan_jax.training.step import StepSettings, make_measured_step, make_train_step

pytestmark = pytest.mark.agreement

PAIRS = 32
SHAPES = dict.fromkeys(("input", "target"), jax.ShapeDtypeStruct((PAIRS, 32, 8, 3), np.uint8))
OPTIMIZERS = {player: optax.sgd(1.0) for player in ("generator", "discriminator")}


class Turns(ToyFamily):
    """Discriminators move twice, then the generator once; every second step the former shrink.

    Each player is a number: with plain gradient descent its moves are means over the batch.
    """

    averaged = ()

    def __init__(self) -> None:
        self.updates = (
            Update(self.discriminator, ("discriminator",), repeats=2),
            Update(self.generator, ("generator",)),
            Update(self.shrink, ("discriminator",), every=2, name="shrink"),
        )

    def init(self, *_: Any) -> Variables:
        player = {"y": jnp.zeros(())}
        return Variables({"generator": player, "discriminator": player}, {"calls": jnp.zeros(())})

    def discriminator(
        self, params: Any, state: Any, frozen: Any, batch: Any, context: Any, /
    ) -> Any:
        loss = params["discriminator"]["y"] * to_signed(batch["target"]).mean()
        return {"discriminator": loss}, Aux({"calls": state["calls"] + 1}, {})

    def generator(self, params: Any, state: Any, frozen: Any, batch: Any, context: Any, /) -> Any:
        noise = jax.vmap(jax.random.normal)(context.keys)
        seen = to_signed(batch["input"]).mean((1, 2, 3))
        slope = params["discriminator"]["y"] + context.step + (noise * seen).mean()
        return {"generator": params["generator"]["y"] * slope}, Aux(state, {"noise": noise.mean()})

    def shrink(self, params: Any, state: Any, frozen: Any, batch: Any, context: Any, /) -> Any:
        return {"discriminator": params["discriminator"]["y"] ** 2 / 4}, Aux(state, {})


FAMILY = Turns()


@cache
def fresh() -> TrainState:
    names = metric_names(FAMILY, None, SHAPES)
    return jax.jit(partial(init_state, FAMILY, OPTIMIZERS, names, 0, SHAPES, False))()


@pytest.fixture
def batch(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Two minibatches of unlike brightness."""
    images = {name: rng.integers(0, 120, like.shape, np.uint8) for name, like in SHAPES.items()}
    images["target"][1::2] += 100
    return images


def stepped(
    partitioning: Partitioner, batch: Any, parts: int = 1, count: int = 2
) -> list[TrainState]:
    settings = StepSettings(accumulate_steps=parts, log_every_steps=1)
    make = partial(make_train_step, FAMILY, OPTIMIZERS, settings)
    step, state = partitioning.compile(make, fresh()), partitioning.place_state(fresh())
    states = []
    for _ in range(count):
        state = step(state, None, partitioning.place_batch(batch))
        states.append(jax.device_get(partitioning.to_save(state)))
    return states


def alone(batch: Any, **settings: int) -> list[TrainState]:
    return stepped(make_partitioner("jit", 1, False), batch, **settings)


def test_each_repeat_has_pairs_of_its_own(batch: Any) -> None:
    first, second = alone(batch)
    moves = [(batch["target"][part::2] / 127.5 - 1).mean() for part in (0, 1)]
    assert moves[0] != pytest.approx(moves[1], abs=0.1)
    moved = -sum(moves)
    assert first.params["discriminator"]["y"] == pytest.approx(moved / 2, rel=1e-4)  # shrunk after
    assert second.params["discriminator"]["y"] == pytest.approx(moved / 2 + moved, rel=1e-4)
    assert first.model_state["calls"] == 2
    sums = first.window.sums
    assert sums["loss_discriminator"] == pytest.approx(
        -moves[0] * moves[1] / 2, rel=1e-4
    )  # 0, then this
    assert sums["gradient_norm_discriminator"] == pytest.approx(np.mean(np.abs(moves)), rel=1e-4)


def test_a_player_meets_the_other_as_it_has_moved(batch: Any) -> None:
    """The generator's slope is the discriminator's number after both moves, and its own noise."""
    sums, params = alone(batch, count=1)[0].window.sums, alone(batch, count=1)[0].params
    moved = -sum((batch["target"][part::2] / 127.5 - 1).mean() for part in (0, 1))
    assert abs(float(params["generator"]["y"]) + moved) < 0.5  # the noise's share is a mean of 16
    assert abs(float(sums["noise"])) > 1e-3


def test_a_lazy_update_rests_between_its_steps(batch: Any) -> None:
    first, second = (state.window.sums for state in alone(batch))
    moved = -sum((batch["target"][part::2] / 127.5 - 1).mean() for part in (0, 1))
    assert first["loss_discriminator_shrink"] == pytest.approx(moved**2 / 4, rel=1e-4)
    assert first["gradient_norm_discriminator_shrink"] == pytest.approx(abs(moved) / 2, rel=1e-4)
    assert second["loss_discriminator_shrink"] == second["gradient_norm_discriminator_shrink"] == 0


@pytest.mark.parametrize(
    "partitioning",
    [lambda: Pmap(), lambda: Pmap(jax.devices()[:2]), lambda: MeshJit(spatial=2)],
    ids=["pmap 8", "pmap 2", "pjit rows"],
)
def test_all_partitionings_take_the_same_steps_with_the_same_noise(
    partitioning: Any, batch: Any
) -> None:
    for found, wanted in zip(stepped(partitioning(), batch), alone(batch), strict=True):
        assert largest_gap(found.params, wanted.params) < 1e-5
        assert largest_gap(found.window, wanted.window) < 1e-5
        assert largest_gap(found.model_state, wanted.model_state) == 0


def test_parts_of_a_batch_take_the_same_steps_with_the_same_noise(batch: Any) -> None:
    found, wanted = alone(batch, parts=4)[-1], alone(batch)[-1]
    assert largest_gap(found.params, wanted.params) < 5e-5
    assert largest_gap(found.window, wanted.window) < 5e-5


def test_diagnostics_are_those_of_the_main_updates(batch: Any) -> None:
    step = jax.jit(make_measured_step(FAMILY, OPTIMIZERS, StepSettings(log_every_steps=1)))
    state, diagnostics = step(fresh(), None, batch)
    second = (batch["target"][1::2] / 127.5 - 1).mean()  # of the last repeat, not of the shrinking
    assert diagnostics["discriminator/gradient_norm"] == pytest.approx(abs(second), rel=1e-4)
    assert largest_gap(state.params, alone(batch)[0].params) < 1e-6


def test_a_run_draws_all_pairs_of_a_step_at_once(small_pairs: dict[str, Any]) -> None:
    settings = {
        **runs.TINY,
        **small_pairs,
        "adversarial.discriminator_updates": 2,
        "num_epochs": 3.0,
    }
    run = Run(runs.config_of({**settings, "num_steps": 0}))
    with contextlib.closing(run.train_batches()) as batches:
        assert next(batches)["input"].shape == (16, 32, 32, 3)
        second = next(batches)
        assert batches.get_state()["batches"] == 2  # the steps so far
        assert batches.batches_per_epoch == run.steps_per_epoch == 40 // 16
        assert run.total_steps == 6
        batches.set_state({**batches.get_state(), "batches": 1})
        np.testing.assert_array_equal(next(batches)["target"], second["target"])


def test_a_minibatch_has_the_same_pairs_on_any_number_of_devices() -> None:
    assert minibatch_count(FAMILY) == 2
    pairs = {"input": np.arange(PAIRS)}
    whole = [part["input"] for part in minibatches(pairs, 4)]
    halves = [minibatches({"input": half}, 4) for half in np.split(pairs["input"], 2)]
    for number, part in enumerate(whole):
        split = np.concatenate([half[number]["input"] for half in halves])
        np.testing.assert_array_equal(split, part)
    assert sorted(np.concatenate(whole)) == list(range(PAIRS))
