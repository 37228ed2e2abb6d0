"""Preflight of a run on the devices of this machine; writes nothing."""

import math
from typing import Any

import jax
import ml_collections
from rich.console import Console

from cinegan_jax.preflight.chips import chip_of
from cinegan_jax.preflight.estimate import Estimate, RunPlan, make_step_plan, print_rows
from cinegan_jax.preflight.step_cost import cost_from_shapes, cost_when_compiled
from cinegan_jax.training.run import Run


def describe_here(
    config: ml_collections.ConfigDict,
    title: str,
    *,
    fast: bool = True,
    examples: int | None = None,
    price_per_chip_hour: float | None = None,
    as_json: bool = False,
) -> int:
    """Build the parts of a run and print config, parameters, memory, FLOPs and data.

    Args:
      config: the run's config.
      title: title of the table.
      fast: estimate from shapes, in seconds; else compile the step for this machine.
      examples: number of training examples, where the data are not on this machine.
      price_per_chip_hour: in any currency.
      as_json: print JSON instead.

    Returns:
      The exit code 0.

    Raises:
      UserError: some part of the run cannot use its config or its files.
    """
    run = Run(config, num_examples=examples)
    plan = plan_here(run, fast=fast)
    estimate = Estimate(plan, chip_of(plan.device_kind), price_per_chip_hour)
    if as_json:
        print(estimate.to_json())
        return 0
    Console(soft_wrap=True).print(str(config), highlight=False, markup=False)
    print_rows(title, [*_parts(run), *estimate.rows()])
    return 0


def plan_here(run: Run, *, fast: bool = True) -> RunPlan:
    """Return the plan of a run on this machine; reads its frozen weights to see that they fit."""
    _ = run.frozen
    found = run.num_examples
    return make_step_plan(
        run,
        cost_from_shapes(run) if fast else cost_when_compiled(run),
        examples=len(run.train_examples) if found is None else found,
        steps=run.total_steps,
    )


def _parts(run: Run) -> list[tuple[str, str]]:
    """Sizes of a run's networks, data and length, by name."""
    kind, params = run.family.learns_from, run.network_shapes().params
    data = []
    if run.num_examples is None:
        data = [
            (f"training {kind}", f"{len(run.train_examples):,}"),
            (f"held-out {kind}", f"{len(run.test_examples):,}"),
        ]
    return [
        *((f"parameters, {name}", f"{count_parameters(tree):,}") for name, tree in params.items()),
        *data,
        ("steps", f"{run.total_steps:,} ({run.steps_per_epoch:,} an epoch)"),
    ]


def count_parameters(tree: Any) -> int:
    """Return the number of entries of all arrays or shapes of a tree."""
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree))
