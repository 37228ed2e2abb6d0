"""`cinegan preflight`. Heavy imports wait in the command."""

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from cinegan_jax.core.cli_options import ConfigOption, JsonOption, SetOption
from cinegan_jax.core.errors import UserError

if TYPE_CHECKING:
    import ml_collections

    from cinegan_jax.preflight.chips import Topology
    from cinegan_jax.preflight.estimate import Estimate


def preflight(
    config: ConfigOption,
    overrides: SetOption = None,
    topology: Annotated[
        str | None,
        typer.Option(
            metavar="CHIP:SHAPE",
            help="A TPU slice: v3:2x2 (a v3-8), v5e:2x4, ... [default: this machine's devices]",
        ),
    ] = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="Estimate from shapes, in seconds, without compiling.")
    ] = False,
    search: Annotated[
        bool,
        typer.Option(
            "--search",
            help="Find the largest batch per device that fits the slice, compiling each.",
        ),
    ] = False,
    examples: Annotated[
        int | None,
        typer.Option(
            "--examples",
            "--pairs",
            "--images",
            min=1,
            help="Number of training examples, where the data are not on this machine.",
        ),
    ] = None,
    price_per_chip_hour: Annotated[
        float | None, typer.Option(min=0, help="In any currency.")
    ] = None,
    as_json: JsonOption = False,
    timeout: Annotated[
        float, typer.Option(min=1, help="Limit of each compilation for a slice, in seconds.")
    ] = 7200,
) -> None:
    """Report whether a run fits a TPU slice, how long it takes and what it costs. Needs no TPU.

    Compiles the real train step with the `tpu` extra's libtpu. Without --topology it describes the
    run on this machine: config, parameters, data, memory and FLOPs.
    """
    from cinegan_jax.config.load import load_config

    if search and (fast or topology is None):
        raise UserError("--search compiles for a slice: give --topology and leave --fast out")
    loaded = load_config(config, overrides or ())
    if topology is None:
        from cinegan_jax.preflight.this_machine import describe_here

        describe_here(
            loaded,
            f"{config} on this machine",
            fast=fast,
            examples=examples,
            price_per_chip_hour=price_per_chip_hour,
            as_json=as_json,
        )
        return
    from cinegan_jax.preflight.chips import parse_topology

    question = _Question(parse_topology(topology), fast, timeout, price_per_chip_hour)
    _report_slice(question, loaded, examples, search=search, as_json=as_json)


def _report_slice(
    question: "_Question",
    config: "ml_collections.ConfigDict",
    examples: int | None,
    *,
    search: bool,
    as_json: bool,
) -> None:
    from cinegan_jax.preflight.estimate import print_rows

    first = question.estimate("the step", config, examples)
    if first.plan.examples is None:
        question.console.print(
            "No data here, so the length of an epoch is not known: "
            f"give --{first.plan.learns_from}."
        )
    largest = question.largest_batch(config, first) if search else None
    name = question.topology.name
    if as_json:
        typer.echo(first.to_json(topology=name, largest_device_batch=largest))
        return
    found = [("largest batch per device, of those tried", f"{largest}")] if search else []
    print_rows(name, [*first.rows(), *found])


@dataclass(frozen=True)
class _Question:
    """A slice, and how to estimate runs on it."""

    topology: "Topology"
    fast: bool
    timeout: float
    price_per_chip_hour: float | None
    console: Console = field(default_factory=lambda: Console(stderr=True, soft_wrap=True))

    def estimate(
        self, what: str, config: "ml_collections.ConfigDict", examples: int | None
    ) -> "Estimate":
        """Estimate a config, under a clock that names `what` is being done."""
        from cinegan_jax.preflight.estimate import Estimate
        from cinegan_jax.preflight.worker import plan_on_slice

        verb = "counting" if self.fast else "compiling"
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=self.console, transient=True) as clock:
            clock.add_task(f"{verb} {what} for {self.topology.name}")
            plan = plan_on_slice(
                config, self.topology, fast=self.fast, timeout=self.timeout, examples=examples
            )
        return Estimate(plan, self.topology.chip, self.price_per_chip_hour)

    def largest_batch(self, config: "ml_collections.ConfigDict", first: "Estimate") -> int:
        """Find the largest batch per device that fits, starting at the config's own."""
        from cinegan_jax.preflight.batch_search import largest_batch
        from cinegan_jax.preflight.estimate import MANY_BATCHES

        plan = first.plan
        groups = plan.batch_size // plan.device_batch

        @functools.cache
        def fits(count: int) -> bool:
            found = first
            if count != plan.device_batch:
                tried = config.copy_and_resolve_references()
                tried.batch_size = count * groups // plan.minibatches
                what = f"{count} {plan.learns_from} per device"
                found = self.estimate(what, tried, tried.batch_size * MANY_BATCHES)
            self.console.print(f"{count} {plan.learns_from} per device: {found.memory}")
            return bool(found.fits)

        return largest_batch(fits, plan.device_batch, plan.accumulate_steps * plan.minibatches)
