"""`cinegan preflight`. Heavy imports wait in the command."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from cinegan_jax.core.errors import UserError

if TYPE_CHECKING:
    from cinegan_jax.preflight.chips import Topology
    from cinegan_jax.preflight.estimate import Estimate

PASS_CONFIG_KEYS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


def preflight(
    context: typer.Context,
    config: Annotated[str, typer.Option(metavar="FILE", help="As for training.")],
    slice_name: Annotated[
        str,
        typer.Option("--topology", metavar="CHIP:SHAPE", help="v3:2x2 (a v3-8), v5e:2x4, ..."),
    ],
    fast: Annotated[
        bool, typer.Option("--fast", help="From shapes, in seconds, without compiling.")
    ] = False,
    search: Annotated[
        bool,
        typer.Option("--search", help="Find the largest batch a device that fits, compiling each."),
    ] = False,
    pairs: Annotated[
        int | None,
        typer.Option(
            "--pairs",
            "--images",
            "--pictures",
            min=1,
            help="How many to train on, where the data is not on this machine.",
        ),
    ] = None,
    price_per_chip_hour: Annotated[
        float | None, typer.Option(min=0, help="In any currency.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")] = False,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds, for each compile.")] = 7200,
) -> None:
    """Say whether a run fits a TPU slice, how long it takes and what it costs. Needs no TPU.

    Compiles the real train step with the `tpu` extra's libtpu. Any --config.KEY=VALUE is taken as
    in training.
    """
    from cinegan_jax.preflight.chips import topology

    if fast and search:
        raise UserError("--search compiles each batch it tries: leave --fast out")
    flags = [f"--config={config}", *context.args, *([f"--pairs={pairs}"] if pairs else [])]
    asking = _Asking(topology(slice_name), flags, fast, timeout, price_per_chip_hour)
    first = asking.estimate("the step")
    if first.plan.pairs is None:
        asking.console.print(
            "No data here, so the length of an epoch is not known: "
            f"give --{first.plan.learns_from}."
        )
    largest = asking.largest_batch(first) if search else None
    if as_json:
        typer.echo(first.to_json(topology=slice_name, largest_device_batch=largest))
    else:
        more = [("largest batch a device, of those tried", f"{largest}")] if search else []
        _print(slice_name, [*first.rows(), *more])


@dataclass(frozen=True)
class _Asking:
    """What all questions about one config and slice have in common."""

    slice_: "Topology"
    flags: Sequence[str]
    fast: bool
    timeout: float
    price_per_chip_hour: float | None
    console: Console = field(default_factory=lambda: Console(stderr=True, soft_wrap=True))

    def estimate(self, what: str, *more: str) -> "Estimate":
        """The estimate with more flags, under a clock that names `what` is being done."""
        from cinegan_jax.preflight.estimate import Estimate
        from cinegan_jax.preflight.preflight import ask

        verb = "counting" if self.fast else "compiling"
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=self.console, transient=True) as clock:
            clock.add_task(f"{verb} {what} for {self.slice_.name}")
            plan = ask(self.slice_, [*self.flags, *more], fast=self.fast, timeout=self.timeout)
        return Estimate(plan, self.slice_.chip, self.price_per_chip_hour)

    def largest_batch(self, first: "Estimate") -> int:
        """The largest batch a device that fits, after the one that the config has."""
        from cinegan_jax.preflight.preflight import MANY_BATCHES, largest_batch

        plan = first.plan
        groups = plan.batch_size // plan.device_batch

        @functools.cache
        def fits(pairs: int) -> bool:
            found = first
            if pairs != plan.device_batch:
                batch = pairs * groups // plan.minibatches
                more = f"--config.batch_size={batch}", f"--pairs={batch * MANY_BATCHES}"
                found = self.estimate(f"{pairs} {plan.learns_from} a device", *more)
            self.console.print(f"{pairs} {plan.learns_from} a device: {found.memory}")
            return bool(found.fits)

        return largest_batch(fits, plan.device_batch, plan.accumulate_steps * plan.minibatches)


def _print(title: str, rows: list[tuple[str, str]]) -> None:
    table = Table("what", "figure", title=title)
    for row in rows:
        table.add_row(*row)
    Console(soft_wrap=True).print(table)
