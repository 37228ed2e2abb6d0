"""Cost of a step compared with closed forms and the arrays of placed runs."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import pytest
import runs
from toy_family import ToyFamily

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.types import Batch, Params, Scalar
from cinegan_jax.families.api import Aux, Variables
from cinegan_jax.preflight import step_cost
from cinegan_jax.preflight.estimate import make_step_plan
from cinegan_jax.preflight.step_cost import residual_bytes, step_flops
from cinegan_jax.training.run import Run

CHANNELS, KERNEL = 64, 5


class OneConvolution(ToyFamily):
    """A family whose cost can be worked out by hand: both players are one 5x5 convolution."""

    def init(self, rng: jax.Array, batch: Batch, /) -> Variables:
        kernel = jax.random.normal(rng, (KERNEL, KERNEL, 3, CHANNELS))
        return Variables({"generator": {"k": kernel}, "discriminator": {"k": kernel}}, ())

    def objective(
        self, params: Mapping[str, Params], state: Any, frozen: Any, batch: Batch, rng: Any, /
    ) -> tuple[Mapping[str, Scalar], Aux]:
        photo = batch["input"].astype(jnp.float32)
        losses = {player: _cube(photo, params[player]["k"]) for player in params}
        return losses, Aux(state, {})


def _cube(photo: jax.Array, kernel: jax.Array) -> jax.Array:
    layout = ("NHWC", "HWIO", "NHWC")
    y = jax.lax.conv_general_dilated(photo, kernel, (1, 1), "VALID", dimension_numbers=layout)
    return jnp.mean(y * y * y)


def one_convolution(**settings: Any) -> tuple[Run, Any]:
    run = Run(runs.config_of({**runs.TOY, **settings}))
    run.family = OneConvolution()
    return run, run.state_shapes()


@pytest.mark.parametrize("parts", [1, 2])
def test_flops_are_those_of_the_convolutions(parts: int) -> None:
    run, state = one_convolution(batch_size=32, accumulate_steps=parts)
    positions = 4 * (32 - KERNEL + 1) ** 2  # of 4 pairs a device
    forward = 2 * positions * CHANNELS * KERNEL**2 * 3
    # Each of two players: forward, and as much again for the gradient of the kernel.
    assert step_flops(run, state) == pytest.approx(2 * 2 * forward, rel=0.15)


@pytest.mark.parametrize("parts", [1, 2])
def test_kept_bytes_hold_each_activation_that_the_backward_pass_needs(parts: int) -> None:
    run, state = one_convolution(batch_size=32, accumulate_steps=parts)
    pairs = 4 // parts
    activation = 4 * pairs * (32 - KERNEL + 1) ** 2 * CHANNELS
    photo = 4 * pairs * 32**2 * 3
    needed = 2 * activation + photo
    assert needed <= residual_bytes(run, state) < 3 * needed


def test_loops_count_all_their_turns() -> None:
    square = jnp.zeros((8, 8))

    def program(x: jax.Array) -> jax.Array:
        def turn(y: jax.Array, _: None) -> tuple[jax.Array, None]:
            return jax.lax.scan(lambda z, _: (z @ square, None), y, None, length=3)[0], None

        return jax.jit(lambda y: y @ square)(jax.lax.scan(turn, x, None, length=5)[0])

    # One product outside of the loops and one in them, which has 15 turns.
    assert step_cost.loop_factor(jax.make_jaxpr(program)(square)) == (15 + 1) / 2
    assert step_cost.loop_factor(jax.make_jaxpr(jnp.sum)(square)) == 1


def test_a_branch_counts_as_often_as_it_is_taken() -> None:
    square = jnp.zeros((8, 8))

    def program(x: jax.Array) -> jax.Array:
        y = x @ square
        return jax.lax.cond(y.sum() > 0, lambda: y @ square @ square, lambda: y)

    # One product always, and two now and then; XLA counts three.
    assert step_cost.loop_factor(jax.make_jaxpr(program)(square), taken=1 / 4) == 1.5 / 3


def test_a_step_of_several_updates_draws_pairs_for_each() -> None:
    settings = {
        **runs.TINY,
        "adversarial.discriminator_updates": 3,
        "batch_size": 16,
        "num_steps": 0,
    }
    run = Run(runs.config_of({**settings, "num_epochs": 2.0}), num_examples=100)
    assert (run.examples_per_step, run.device_batch, run.device_minibatch) == (48, 6, 2)
    assert (run.steps_per_epoch, run.total_steps) == (2, 4)
    plan = make_step_plan(run, step_cost.StepCost(0, 0, 1.0), examples=100)
    assert (plan.batch_size, plan.device_batch, plan.minibatches, plan.devices) == (48, 6, 3, 8)
    shapes = step_cost.step_shapes(run, run.state_shapes())
    assert shapes[2]["input"].shape == (8, 6, 32, 32, 3)
    run.num_examples = 47
    with pytest.raises(UserError, match="batch_size=16 x 3 minibatches a step is more than the 47"):
        _ = run.steps_per_epoch


def test_convolutions_and_products_weigh_as_their_flops() -> None:
    images, kernel, matrix = jnp.zeros((2, 8, 8, 3)), jnp.zeros((3, 3, 3, 16)), jnp.zeros((5, 7))

    def convolve(x: jax.Array) -> jax.Array:
        layout = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(x, kernel, (2, 2), "SAME", dimension_numbers=layout)

    def program(x: jax.Array) -> Any:
        def turn(carry: None, _: None) -> tuple[None, jax.Array]:
            return None, matrix.T @ matrix

        return convolve(x), jax.lax.scan(turn, None, None, length=4)

    convolution = 2 * (2 * 4 * 4 * 16) * (3 * 3 * 3)
    product = 2 * (7 * 7) * 5
    expected = (convolution + 4 * product) / (convolution + product)
    assert step_cost.loop_factor(jax.make_jaxpr(program)(images)) == pytest.approx(expected)


@pytest.mark.parametrize(
    "settings",
    [
        {"parallelism": "pmap"},
        {"parallelism": "jit"},
        {"parallelism": "pjit", "shard_optimizer": True},
        {"parallelism": "pjit", "spatial": 2, "data.size": 64},
    ],
    ids=str,
)
def test_arguments_are_the_bytes_that_a_device_holds(settings: dict[str, Any]) -> None:
    run = Run(runs.config_of({**runs.TOY, "ema_decay": 0.9, **settings}))
    cost = step_cost.cost_from_shapes(run)
    batch = {name: jnp.zeros(x.shape, x.dtype) for name, x in run.batch_shapes(8).items()}
    placed = run.parallel.place_state(run.init_state()), run.parallel.place_batch(batch)
    held = [x.addressable_shards[0].data.nbytes for x in jax.tree.leaves(placed)]
    assert cost.arguments == sum(held)
    # Compiled, the step leaves out what it does not read: a few flags of metrics.
    assert 0 <= cost.arguments - step_cost.cost_when_compiled(run).arguments < 10
    assert not cost.compiled


def test_a_compiled_step_knows_its_traffic() -> None:
    run = Run(runs.config_of(runs.TOY))
    cost = step_cost.cost_when_compiled(run)
    assert cost.compiled
    assert cost.accessed is not None
    assert cost.accessed > cost.arguments
    # All there is to average are float32: parameters, state, losses and metrics.
    params = step_cost.tree_bytes(run.state_shapes().params)
    assert cost.exchanged is not None
    assert params < cost.exchanged < params + 100


def test_all_kinds_of_collectives_are_counted_once() -> None:
    hlo = """
      %a = f32[8,16]{1,0} all-reduce(%x), to_apply=%sum
      %b = (bf16[4]{0}, s32[]{:T(128)}) all-reduce(%y, %z)
      %c = (f32[2]{0}, f32[16]{0}, u32[]) all-gather-start(%q)
      %d = f32[16]{0} all-gather-done(%c)
      %e = f32[99]{0} add(%all-reduce, %a)
    """
    assert step_cost.exchanged_bytes(hlo) == 8 * 16 * 4 + (4 * 2 + 4) + 16 * 4


def test_a_refusal_says_how_much_memory_is_needed() -> None:
    texts = {
        "RESOURCE_EXHAUSTED: E1000: CompileTimeHbmOom: Ran out of memory on HBM, the total memory "
        "required for HLO temporaries (25.50G) exceeds available HBM (15.48G).": 25.5 * 2**30,
        "RESOURCE_EXHAUSTED: XLA:TPU compile permanent error. Ran out of memory in memory space "
        "hbm. Used 512.00M of 15.48G hbm.": 2**29,
        "RESOURCE_EXHAUSTED: Ran out of memory in memory space vmem.": None,
        "INTERNAL: Used 3G of 2G": None,
    }
    assert [step_cost.bytes_needed(text) for text in texts] == list(texts.values())


class Refusing:
    """A step that no compiler takes."""

    def __init__(self, text: str):
        self.text = text

    def lower(self, *_: Any) -> "Refusing":
        return self

    def compile(self) -> None:
        raise jax.errors.JaxRuntimeError(self.text)


def test_a_step_that_does_not_fit_has_a_cost_nonetheless(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(runs.config_of(runs.TOY))
    text = "RESOURCE_EXHAUSTED: the total memory required for HLO temporaries (20.00G) exceeds"
    monkeypatch.setattr(run.parallel, "compile", lambda *_: Refusing(text))
    cost = step_cost.cost_when_compiled(run)
    assert (cost.total, cost.accessed, cost.compiled) == (20 * 2**30, None, True)
    assert cost.flops == step_cost.cost_from_shapes(run).flops


def test_other_failures_of_the_compiler_are_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(runs.config_of(runs.TOY))
    monkeypatch.setattr(run.parallel, "compile", lambda *_: Refusing("INTERNAL: a bug"))
    with pytest.raises(jax.errors.JaxRuntimeError, match="a bug"):
        step_cost.cost_when_compiled(run)
