"""Dry-run mode: build everything, say what a run would take, and stop."""

import math
from typing import Any

import jax
from etils import epath
from rich.console import Console
from rich.table import Table

from cinegan_jax.preflight.chips import chip_of
from cinegan_jax.preflight.estimate import Estimate, plan_of
from cinegan_jax.preflight.step_cost import cost_from_shapes
from cinegan_jax.training.run import Run


def dry_run(run: Run, workdir: epath.Path) -> int:
    """Print config, parameters, memory, FLOPs and data; write nothing and compile nothing.

    Raises:
      UserError: some part of the run finds its config or its files wanting.
    """
    console = Console(soft_wrap=True)
    console.print(str(run.config), highlight=False, markup=False)
    table = Table("what", "figure", title=f"dry run of {workdir}")
    for name, figure in figures(run):
        table.add_row(name, figure)
    console.print(table)
    return 0


def figures(run: Run) -> list[tuple[str, str]]:
    """What a run is made of, by name."""
    _ = run.frozen  # its file is found wanting now rather than in training
    kind = run.family.learns_from
    cost, shapes = cost_from_shapes(run), run.network_shapes()
    plan = plan_of(run, cost, pairs=len(run.train_examples), steps=run.total_steps)
    return [
        *((f"parameters, {name}", f"{count(tree):,}") for name, tree in shapes.params.items()),
        (f"training {kind}", f"{len(run.train_examples):,}"),
        (f"held-out {kind}", f"{len(run.test_examples):,}"),
        ("steps", f"{run.total_steps:,} ({run.steps_per_epoch:,} an epoch)"),
        *Estimate(plan, chip_of(plan.device_kind)).rows(),
    ]


def count(tree: Any) -> int:
    """Numbers in a tree of arrays or shapes."""
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree))
