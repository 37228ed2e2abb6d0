"""Preflight of a run on the devices of this machine; writes nothing."""

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import jax
import ml_collections
from rich.console import Console

from cinegan_jax.core.errors import UserError
from cinegan_jax.preflight.chips import chip_of
from cinegan_jax.preflight.estimate import (
    Estimate,
    RunPlan,
    examples_or_many,
    make_step_plan,
    print_rows,
)
from cinegan_jax.preflight.step_cost import cost_from_shapes, cost_when_compiled
from cinegan_jax.training.fine_tuning import require_source
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

    Missing files do not end it: the figures that need none of them are printed first.

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
      UserError: the config cannot work; or files of the run are missing or cannot be used, after
        the figures: the text lists all of them.
    """
    found, missing = _files_of(Run(config, num_examples=examples))
    training = found.get("training", examples)
    run = Run(config, num_examples=examples_or_many(config, training))
    plan = plan_here(run, fast=fast, examples=training)
    estimate = Estimate(plan, chip_of(plan.device_kind), price_per_chip_hour)
    if as_json:
        print(estimate.to_json(missing=missing))
    else:
        Console(soft_wrap=True).print(str(config), highlight=False, markup=False)
        print_rows(title, [*_sizes(run), *_data(run, found, plan), *estimate.rows()])
    if missing:
        lines = "".join(f"\n- {problem}" for problem in missing)
        raise UserError(f"this run cannot start yet:{lines}")
    return 0


def plan_here(run: Run, *, fast: bool = True, examples: int | None = None) -> RunPlan:
    """Return the plan of a run on this machine; `examples` is None where they are not known."""
    cost = cost_from_shapes(run) if fast else cost_when_compiled(run)
    return make_step_plan(run, cost, examples=examples)


def _files_of(run: Run) -> tuple[dict[str, int], list[str]]:
    """Open all files that a run needs.

    Returns:
      The number of `training` and `held-out` examples, unless the run was given their number, and
      a line about each file that is missing or cannot be used.
    """
    counts, problems = {}, []

    @contextlib.contextmanager
    def noting() -> Iterator[None]:
        try:
            yield
        except UserError as error:
            problems.append(str(error))

    if run.num_examples is None:
        with noting():
            counts["training"] = len(run.train_examples)
        with noting():
            counts["held-out"] = len(run.test_examples)
    with noting():
        _ = run.frozen
    if run.config.restore_from:
        with noting():
            require_source(run.config.restore_from)
    return counts, list(dict.fromkeys(problems))


def _sizes(run: Run) -> list[tuple[str, str]]:
    params = run.network_shapes().params
    return [(f"parameters, {name}", f"{count_parameters(tree):,}") for name, tree in params.items()]


def _data(run: Run, counts: dict[str, int], plan: RunPlan) -> list[tuple[str, str]]:
    examples = [(f"{name} {plan.learns_from}", f"{count:,}") for name, count in counts.items()]
    epoch = (
        "an epoch is not known" if plan.examples is None else f"{run.steps_per_epoch:,} an epoch"
    )
    steps = "not known" if plan.total_steps is None else f"{plan.total_steps:,}"
    return [*examples, ("steps", f"{steps} ({epoch})")]


def count_parameters(tree: Any) -> int:
    """Return the number of entries of all arrays or shapes of a tree."""
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree))
