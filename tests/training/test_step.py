"""The train step: gradients, replicas, accumulation, non-finite steps, learning."""

import functools
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from agreement import largest_gap
from flax.traverse_util import flatten_dict, unflatten_dict
from toy_family import ToyFamily

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.types import Batch, Params, Scalar
from cinegan_jax.families.api import Aux, step_context
from cinegan_jax.families.cinegan import CineGan, LossWeights
from cinegan_jax.nets.patchgan import PatchDiscriminator
from cinegan_jax.nets.res_unet import ResUnetGenerator
from cinegan_jax.training.gradients import accumulate, metric_names
from cinegan_jax.training.optimizers import AdamSettings, make_adam
from cinegan_jax.training.pmap import Pmap
from cinegan_jax.training.state import TrainState, init_state
from cinegan_jax.training.step import StepSettings, make_train_step

pytestmark = pytest.mark.agreement

SIZE = 32
WEIGHTS = LossWeights(perceptual=0.0, feature_matching=1.0, l1=10.0)
FAMILY = CineGan(ResUnetGenerator(width=4, num_blocks=1), PatchDiscriminator(width=4), WEIGHTS, "")
SETTINGS = StepSettings(ema_decay=0.75)
SHAPES = dict.fromkeys(("input", "target"), jax.ShapeDtypeStruct((8, SIZE, SIZE, 3), np.uint8))

CONTEXT = step_context(0, jax.random.key(0), 8)


def small_batch(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {name: rng.integers(0, 256, like.shape, np.uint8) for name, like in SHAPES.items()}


def adam(rate: float = 5e-5) -> dict[str, optax.GradientTransformation]:
    return {p: make_adam(AdamSettings(rate), 100) for p in ("generator", "discriminator")}


@functools.cache
def fresh(ema: bool = True) -> TrainState:
    names = metric_names(FAMILY, None, SHAPES)
    return jax.jit(partial(init_state, FAMILY, adam(), names, 0, SHAPES, ema))()


@functools.cache
def jitted(settings: StepSettings = SETTINGS, rate: float = 5e-5) -> Callable[..., TrainState]:
    return jax.jit(make_train_step(FAMILY, adam(rate), settings))


@functools.cache
def gradients(slices: int = 1) -> Callable[..., Any]:
    return jax.jit(accumulate(FAMILY.updates[0], slices))


def steps_on(devices: int, state: TrainState, batch: Batch, count: int = 1) -> TrainState:
    parallel = Pmap(jax.devices()[:devices])
    step = _replicated(devices)
    replicated = parallel.replicate(state)
    for _ in range(count):
        replicated = step(replicated, None, parallel.place_batch(batch))
    return replicated


@functools.cache
def _replicated(devices: int) -> Callable[..., TrainState]:
    settings = StepSettings(ema_decay=0.9)
    parallel = Pmap(jax.devices()[:devices])
    return parallel.compile(partial(make_train_step, FAMILY, adam(), settings), fresh())


def first(replicated: TrainState) -> TrainState:
    return jax.device_get(Pmap().unreplicate(replicated))


def test_eight_devices_give_the_step_of_one(rng: np.random.Generator) -> None:
    batch = small_batch(rng)
    one, eight = (first(steps_on(n, fresh(), batch)) for n in (1, 8))
    # Adam makes a part of a step of the rounding in gradients that are smaller than its epsilon.
    assert largest_gap(one.params, eight.params) < 3e-5
    assert largest_gap(one.ema, eight.ema) < 1e-5
    assert largest_gap(one.model_state, eight.model_state) < 1e-5
    assert largest_gap(one.window, eight.window) < 1e-5
    # With beta1 = 0 Adam's first moment is the gradient itself.
    assert largest_gap(one.optimizers, eight.optimizers) < 1e-5
    # And the step did move: by about the learning rate.
    assert 1e-5 < largest_gap(one.params, jax.device_get(fresh().params)) < 1e-3


def test_replicas_stay_alike_and_a_step_is_repeated_bit_for_bit(rng: np.random.Generator) -> None:
    batch = small_batch(rng)
    once, twice = (jax.device_get(steps_on(8, fresh(), batch, count=2)) for _ in range(2))
    for a, b in zip(jax.tree.leaves(once), jax.tree.leaves(twice), strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, np.broadcast_to(a[:1], a.shape))


def test_accumulated_gradients_equal_the_whole_batch(rng: np.random.Generator) -> None:
    state, batch = fresh(), small_batch(rng)
    arguments = (state.params, state.model_state, None, batch, CONTEXT)
    assert largest_gap(gradients(1)(*arguments), gradients(4)(*arguments)) < 1e-5


def test_gradients_are_those_of_each_players_own_loss(rng: np.random.Generator) -> None:
    """Compare with jax.grad of each loss alone, in separate passes."""
    state, batch = fresh(), small_batch(rng)
    found, _, _ = gradients()(state.params, state.model_state, None, batch, CONTEXT)
    for player, gradient in found.items():

        def loss(own: Params, player: str = player) -> jax.Array:
            params = {**state.params, player: own}
            return FAMILY.objective(params, state.model_state, None, batch, CONTEXT)[0][player]

        assert largest_gap(gradient, jax.jit(jax.grad(loss))(state.params[player])) < 1e-5


def test_first_adam_step_in_closed_form(rng: np.random.Generator) -> None:
    """With beta1 = 0 the first update is -rate * g / (|g| + epsilon)."""
    state, batch = fresh(), small_batch(rng)
    found, _, _ = gradients()(state.params, state.model_state, None, batch, CONTEXT)
    moved = jitted()(state, None, batch)
    expected = jax.tree.map(
        lambda p, g: p - 5e-5 * g / (jnp.abs(g) + 1e-7), state.params, dict(found)
    )
    assert largest_gap(moved.params, expected) < 1e-6


def test_ema_in_closed_form(rng: np.random.Generator) -> None:
    batch = small_batch(rng)
    states = [fresh()]
    for _ in range(2):
        states.append(jitted()(states[-1], None, batch))
    expected = jax.tree.map(
        lambda a, b, c: 0.75 * (0.75 * a + 0.25 * b) + 0.25 * c,
        *({"generator": s.params["generator"]} for s in states),
    )
    assert largest_gap(states[2].ema, expected) < 1e-6


def test_warm_ema_in_closed_form(rng: np.random.Generator) -> None:
    """Decays 1/10, 2/11, 3/12, and then no more than 0.25."""
    batch, settings = small_batch(rng), StepSettings(ema_decay=0.25, ema_warmup=True)
    state, wanted = fresh(), fresh().params["generator"]
    for decay in (1 / 10, 2 / 11, 0.25, 0.25):
        state = jitted(settings)(state, None, batch)
        moved = state.params["generator"]
        wanted = jax.tree.map(lambda a, b, d=decay: d * a + (1 - d) * b, wanted, moved)
    assert largest_gap(state.ema["generator"], wanted) < 1e-6


def with_first_kernel(params: Params, change: float) -> Params:
    """Return the parameters with one number of the full-size discriminator changed."""
    flat = flatten_dict(params)
    path = ("discriminator", "full", "conv1", "kernel")
    return unflatten_dict({**flat, path: flat[path].at[0, 0, 0, 0].set(change)})


def test_a_non_finite_step_moves_nothing_and_is_counted(rng: np.random.Generator) -> None:
    batch = small_batch(rng)
    step = jitted()
    good = step(fresh(), None, batch)
    state = good.replace(params=with_first_kernel(good.params, jnp.inf))
    after = step(step(state, None, batch), None, batch)
    assert int(after.step) == 3
    assert int(after.nonfinite.total) == int(after.nonfinite.in_a_row) == 2
    assert bool(after.nonfinite.metrics["discriminator_full"])
    assert not bool(after.nonfinite.metrics["l1"])
    for kept in ("params", "optimizers", "ema", "model_state"):
        for a, b in zip(*(jax.tree.leaves(getattr(s, kept)) for s in (state, after)), strict=True):
            np.testing.assert_array_equal(a, b)
    assert int(after.window.count) == 1  # only the finite step is in the means
    again = step(after.replace(params=good.params), None, batch)
    assert int(again.nonfinite.in_a_row) == 0
    assert int(again.nonfinite.total) == 2


def test_the_window_holds_the_sums_since_the_last_log(rng: np.random.Generator) -> None:
    batch = small_batch(rng)
    narrow, wide = (StepSettings(ema_decay=0.75, log_every_steps=n) for n in (1, 2))
    single = state = fresh()
    losses, windows = [], []
    for _ in range(4):
        single = jitted(narrow)(single, None, batch)
        state = jitted(wide)(state, None, batch)
        losses.append(float(single.window.sums["l1"]))
        windows.append(float(state.window.sums["l1"]))
    np.testing.assert_allclose(windows[1], losses[0] + losses[1], rtol=1e-5)
    np.testing.assert_allclose(windows[3], losses[2] + losses[3], rtol=1e-5)
    assert int(state.window.count) == 2


@pytest.mark.slow
def test_loss_falls_when_overfitting_two_pairs(rng: np.random.Generator) -> None:
    noise = rng.integers(0, 256, (2, 4, 4, 3)).astype(np.float32)
    smooth = np.asarray(jax.image.resize(noise, (2, SIZE, SIZE, 3), "cubic")).clip(0, 255)
    pairs = {"input": smooth.astype(np.uint8), "target": (255 - smooth).astype(np.uint8)}
    batch = {name: np.tile(images, (4, 1, 1, 1)) for name, images in pairs.items()}
    step = jitted(StepSettings(ema_decay=0.75, log_every_steps=1), rate=2e-3)
    state, losses = fresh(), []
    for _ in range(60):
        state = step(state, None, batch)
        losses.append(float(state.window.sums["l1"]))
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])


def test_bf16_networks_keep_float32_masters_and_losses(rng: np.random.Generator) -> None:
    dtype = jnp.dtype(jnp.bfloat16)
    family = CineGan(
        ResUnetGenerator(width=4, num_blocks=1, dtype=dtype),
        PatchDiscriminator(width=4, dtype=dtype),
        WEIGHTS,
        "",
    )
    state, batch = fresh(), small_batch(rng)
    settings = StepSettings(ema_decay=0.75)
    moved = jax.jit(make_train_step(family, adam(), settings))(state, None, batch)
    exact = jitted(settings)(state, None, batch)
    kinds = {x.dtype for x in jax.tree.leaves((moved.params, moved.window.sums))}
    assert kinds == {jnp.dtype(jnp.float32)}
    for name, value in exact.window.sums.items():
        assert float(moved.window.sums[name]) == pytest.approx(float(value), rel=0.05, abs=0.05)


def test_a_batch_that_cannot_be_divided_is_refused() -> None:
    with pytest.raises(UserError, match=r"batch_size=12 .* 8 devices x accumulate_steps=2; .* 16"):
        Pmap().per_device(12, slices=2)
    assert Pmap().per_device(32, slices=2) == 4


class RemembersInfinity(ToyFamily):
    """Its losses are finite and its state is not."""

    def objective(self, *args: Any) -> tuple[Mapping[str, Scalar], Aux]:
        losses, aux = super().objective(*args)
        return losses, aux._replace(state=aux.state.at[0].set(jnp.inf))


def test_a_state_that_is_not_finite_is_not_taken_over(rng: np.random.Generator) -> None:
    family = RemembersInfinity()
    optimizers = dict.fromkeys(("generator", "discriminator"), optax.sgd(1e-3))
    batch = small_batch(rng)
    names = metric_names(family, None, batch)
    state = init_state(family, optimizers, names, 0, batch, False)
    after = make_train_step(family, optimizers, StepSettings())(state, None, batch)
    assert int(after.nonfinite.total) == 1
    assert not any(map(bool, after.nonfinite.metrics.values()))
    for kept in ("params", "model_state"):
        for a, b in zip(*(jax.tree.leaves(getattr(s, kept)) for s in (state, after)), strict=True):
            np.testing.assert_array_equal(a, b)
