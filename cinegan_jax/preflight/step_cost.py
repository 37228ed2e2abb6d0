"""Cost of a train step on one device, from shapes or from the compiled program."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr

from cinegan_jax.core.types import Batch
from cinegan_jax.families.api import Objective, step_context
from cinegan_jax.training.run import Run
from cinegan_jax.training.state import TrainState

UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
COLLECTIVES = "all-reduce|all-gather|reduce-scatter|all-to-all|collective-permute"


@dataclass(frozen=True)
class StepCost:
    """Memory, operations and traffic of one step on one device.

    Attributes:
      arguments: bytes of state, frozen arrays and batch.
      temporaries: bytes of everything else; an upper bound when not compiled.
      flops: floating-point operations.
      accessed: bytes that pass between the device and its memory; None when not compiled.
      exchanged: bytes that collectives deliver to the device, such as all-reduced gradients; None
        when not compiled.
      compiled: True for the compiler's figures, False for those of shapes alone.
    """

    arguments: int
    temporaries: int
    flops: float
    accessed: float | None = None
    exchanged: int | None = None
    compiled: bool = False

    @property
    def total(self) -> int:
        """Bytes of memory in all."""
        return self.arguments + self.temporaries


def cost_from_shapes(run: Run) -> StepCost:
    """Return the cost without compiling; temporaries are those before the compiler fuses."""
    state = run.state_shapes()
    spatial = run.config.spatial
    passing = tree_bytes(state.params) + residual_bytes(run, state) // spatial
    return StepCost(
        arguments=device_bytes(step_shapes(run, state)),
        temporaries=passing,
        flops=step_flops(run, state) / spatial,
    )


def cost_when_compiled(run: Run) -> StepCost:
    """Return the cost of the program that training would run, even if it does not fit.

    Raises:
      jax.errors.JaxRuntimeError: the compiler gave up for another reason than memory.
    """
    state = run.state_shapes()
    shapes = step_shapes(run, state)
    try:
        compiled = run.parallel.compile(run.make_step, state).lower(*shapes).compile()
    except jax.errors.JaxRuntimeError as error:
        needed = bytes_needed(str(error))
        if needed is None:
            raise
        arguments = device_bytes(shapes)
        flops = step_flops(run, state) / run.config.spatial
        return StepCost(arguments, needed - arguments, flops, compiled=True)
    return cost_of(compiled, loop_factor(traced_step(run, state).jaxpr, lazy_share(run)))


def cost_of(compiled: jax.stages.Compiled, loops: float = 1.0) -> StepCost:
    """Return the cost as the compiler counts it.

    Args:
      compiled: the compiled step.
      loops: see `loop_factor`; bytes accessed are assumed to repeat as FLOPs do.
    """
    memory: Any = compiled.memory_analysis()
    cost = compiled.cost_analysis() or {}
    outputs = memory.output_size_in_bytes - memory.alias_size_in_bytes
    return StepCost(
        arguments=memory.argument_size_in_bytes,
        temporaries=memory.temp_size_in_bytes + outputs + memory.generated_code_size_in_bytes,
        flops=loops * cost["flops"],
        accessed=loops * cost["bytes accessed"],
        exchanged=exchanged_bytes(compiled.as_text() or ""),
        compiled=True,
    )


def step_shapes(run: Run, state: TrainState) -> tuple[Any, Any, Any]:
    """Return the arguments of the placed step as shapes with shardings."""
    batch = run.batch_shapes(run.examples_per_step)
    return run.parallel.shapes(state, run.frozen_shapes(), batch)


def residual_bytes(run: Run, state: TrainState) -> int:
    """Return the bytes that the forward pass keeps for the backward pass of one device's examples.

    An upper bound before the compiler fuses and rematerialises.
    """
    batch = run.batch_shapes(run.device_minibatch // run.config.accumulate_steps)

    def pullback(objective: Objective, state: TrainState, frozen: Any, batch: Batch) -> Any:
        context = step_context(state.step, jax.random.key(0), len(batch["target"]))
        return jax.vjp(
            lambda p: objective(p, state.model_state, frozen, batch, context)[0], state.params
        )[1]

    kept = [
        jax.eval_shape(partial(pullback, update.objective), state, run.frozen_shapes(), batch)
        for update in run.family.updates
    ]
    return max(map(tree_bytes, kept))


def step_flops(run: Run, state: TrainState) -> float:
    """Return the FLOPs of a step of one device's examples, as traced, not yet optimised."""
    traced = traced_step(run, state)
    counted = (traced.lower().cost_analysis() or {}).get("flops", math.nan)
    return loop_factor(traced.jaxpr, lazy_share(run)) * float(counted)


def lazy_share(run: Run) -> float:
    """Return the share of steps at which the most frequent lazy update is carried out."""
    return max((1 / update.every for update in run.family.updates if update.every > 1), default=1.0)


def traced_step(run: Run, state: TrainState) -> jax.stages.Traced:
    """Trace the step of one device's examples, as on a machine of one device."""
    batch = run.batch_shapes(run.device_batch)
    return jax.jit(run.make_step()).trace(state, run.frozen_shapes(), batch)


def loop_factor(program: ClosedJaxpr, taken: float = 1.0) -> float:
    """Return the FLOPs of a program over those that XLA counts: it counts a loop's body once.

    Only convolutions and matrix products are counted. 1 where there is no loop.

    Args:
      program: the traced program.
      taken: average share of steps that take a branch, which XLA counts as always taken.
    """
    once = _product_flops(program.jaxpr, turns=False, taken=1.0)
    return _product_flops(program.jaxpr, turns=True, taken=taken) / once if once else 1.0


def _product_flops(program: Jaxpr, turns: bool, taken: float) -> float:
    """Count FLOPs of convolutions and matrix products, with loop bodies once or at every turn."""
    total = 0.0
    equations: Any = program.eqns
    for equation in equations:
        name, params = equation.primitive.name, equation.params
        inner = sum(_product_flops(part, turns, taken) for part in _inner_programs(params))
        if name == "scan" and turns:
            inner *= params["length"]
        total += inner * (taken if name == "cond" else 1)
        if name in ("conv_general_dilated", "dot_general"):
            left, right, output = (v.aval.shape for v in (*equation.invars, *equation.outvars))
            if name == "dot_general":
                (contracted, _), _ = params["dimension_numbers"]
                products = math.prod(left[axis] for axis in contracted)
            else:
                products = math.prod(right) // right[params["dimension_numbers"].rhs_spec[0]]
            total += 2.0 * math.prod(output) * products
    return total


def _inner_programs(params: dict[str, Any]) -> Iterator[Jaxpr]:
    for value in params.values():
        for part in value if isinstance(value, tuple | list) else (value,):
            if isinstance(part, ClosedJaxpr):
                yield part.jaxpr
            elif isinstance(part, Jaxpr):
                yield part


def exchanged_bytes(hlo: str) -> int:
    """Return the bytes of the results of all collectives in a compiled program's text."""
    # NAME = f32[64]{0} all-reduce(...), or a tuple of such types. Of an asynchronous pair, the
    # -start also names its operands, and the -done has the result alone.
    results = re.findall(rf"= (.*?) (?:{COLLECTIVES})(?:-done)?\(", hlo)
    arrays = [
        found for types in results for found in re.findall(r"([a-z]+)(\d+)\[([\d,]*)\]", types)
    ]
    return sum(
        math.prod(int(size) for size in sizes.split(",") if size) * int(bits) // 8
        for _, bits, sizes in arrays
    )


def bytes_needed(message: str) -> int | None:
    """Return the memory that a program needs, from libtpu's out-of-memory error; else None."""
    if "RESOURCE_EXHAUSTED" not in message:
        return None
    found = re.search(r"(?:required for[^()]*\(|Used )([\d.]+)([KMGT]?)\b", message)
    return round(float(found[1]) * UNITS[found[2]]) if found else None


def device_bytes(shapes: Any) -> int:
    """Return the bytes that one device holds of a tree of shapes with shardings."""
    return sum(
        math.prod(leaf.sharding.shard_shape(leaf.shape)) * leaf.dtype.itemsize
        for leaf in jax.tree.leaves(shapes)
    )


def tree_bytes(tree: Any) -> int:
    """Return the bytes of a tree of arrays or shapes."""
    leaves = jax.tree.leaves(tree)
    return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in leaves)
