"""Time, memory and price of a run, from the cost of its step and the chip's published peaks."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import ml_collections
from rich.console import Console
from rich.table import Table

from cinegan_jax.families.api import Learned
from cinegan_jax.preflight.chips import GIB, Chip
from cinegan_jax.preflight.step_cost import StepCost
from cinegan_jax.training.gradients import minibatch_count
from cinegan_jax.training.run import Run

HOUR = 3600.0
MANY_BATCHES = 10**6
"""Batches of an epoch whose length is not known: more than any warm-up takes."""


@dataclass(frozen=True)
class RunPlan:
    """The size of a run on certain devices.

    Attributes:
      device_kind: kind of the devices, as JAX calls it.
      devices: number of devices.
      batch_size: examples per step, over all devices.
      device_batch: examples per step of a device, or of a group of devices that share images.
      accumulate_steps: parts that a device's batch is run in, one after another.
      examples: training examples; None when not known.
      total_steps: steps of the run; None when not known.
      cost: cost of one step on one device.
      minibatches: minibatches per step.
      learns_from: what the examples are.
    """

    device_kind: str
    devices: int
    batch_size: int
    device_batch: int
    accumulate_steps: int
    examples: int | None
    total_steps: int | None
    cost: StepCost
    minibatches: int = 1
    learns_from: Learned = "pairs"


def examples_or_many(config: ml_collections.ConfigDict, examples: int | None) -> int:
    """Return the number of training examples; where it is not known, enough to build a run."""
    return MANY_BATCHES * config.batch_size if examples is None else examples


def make_step_plan(run: Run, cost: StepCost, *, examples: int | None) -> RunPlan:
    """Return the plan of a run whose step has this cost; `examples` is None where not known."""
    config, device_batch = run.config, run.device_batch
    steps = None if examples is None and not config.num_steps else run.total_steps
    return RunPlan(
        device_kind=run.parallel.devices[0].device_kind,
        devices=run.examples_per_step // device_batch * config.spatial,
        batch_size=run.examples_per_step,
        device_batch=device_batch,
        accumulate_steps=config.accumulate_steps,
        examples=examples,
        total_steps=steps,
        cost=cost,
        minibatches=minibatch_count(run.family),
        learns_from=run.family.learns_from,
    )


@dataclass(frozen=True)
class Estimate:
    """A plan compared with the chips it is to run on.

    Attributes:
      plan: the plan.
      chip: the chip; None when its figures are not known.
      price_per_chip_hour: in any currency.
    """

    plan: RunPlan
    chip: Chip | None
    price_per_chip_hour: float | None = None

    @property
    def device_hbm(self) -> float | None:
        """Bytes of memory that a device's programs may use."""
        return self.chip.hbm / self.chip.devices if self.chip else None

    @property
    def fits(self) -> bool | None:
        """True if the step fits into a device's memory; None when that is not known.

        A compiler leaves less of the temporaries than shapes alone say, so an estimate from shapes
        can only show that the step fits.
        """
        if self.device_hbm is None:
            return None
        if self.plan.cost.total <= self.device_hbm:
            return True
        surely = self.plan.cost.compiled or self.plan.cost.arguments > self.device_hbm
        return False if surely else None

    @property
    def memory(self) -> str:
        """Memory that a device needs and has, in words."""
        needed = f"{self.plan.cost.total / GIB:.2f}"
        if self.device_hbm is None:
            return f"{needed} GiB"
        answer = {True: "fits", False: "does not fit", None: "compile it to know"}[self.fits]
        return f"{needed} of {self.device_hbm / GIB:.2f} GiB: {answer}"

    @property
    def compute_seconds(self) -> float | None:
        """Time of a step's operations at the chip's bfloat16 peak."""
        return self.plan.cost.flops * self.chip.devices / self.chip.flops if self.chip else None

    @property
    def bandwidth_seconds(self) -> float | None:
        """Time of a step's memory traffic at the chip's bandwidth."""
        if self.chip is None or self.plan.cost.accessed is None:
            return None
        return self.plan.cost.accessed * self.chip.devices / self.chip.bandwidth

    @property
    def step_seconds(self) -> float | None:
        """The longer of both times: no step is shorter."""
        floors = (self.compute_seconds, self.bandwidth_seconds)
        return max((floor for floor in floors if floor is not None), default=None)

    @property
    def examples_per_second(self) -> float | None:
        """Examples per second of all devices, at most."""
        return self.plan.batch_size / self.step_seconds if self.step_seconds else None

    @property
    def epoch_hours(self) -> float | None:
        """Hours of an epoch, at least."""
        if self.step_seconds is None or self.plan.examples is None:
            return None
        return self.plan.examples // self.plan.batch_size * self.step_seconds / HOUR

    @property
    def run_hours(self) -> float | None:
        """Hours of the run, at least, without evaluation, sample grids and checkpoints."""
        if self.step_seconds is None or self.plan.total_steps is None:
            return None
        return self.plan.total_steps * self.step_seconds / HOUR

    @property
    def run_price(self) -> float | None:
        """Price of the run, at least, in the currency of the price per chip and hour."""
        if self.chip is None or self.run_hours is None or self.price_per_chip_hour is None:
            return None
        return self.run_hours * self.price_per_chip_hour * self.plan.devices / self.chip.devices

    def to_json(self, **more: Any) -> str:
        """Return all figures as JSON: bytes, seconds and hours; null where not known."""
        names = (
            "device_hbm fits compute_seconds bandwidth_seconds step_seconds examples_per_second "
            "epoch_hours run_hours run_price"
        )
        figures = {name: getattr(self, name) for name in names.split()}
        return json.dumps({**asdict(self.plan), **figures, **more}, indent=2)

    def rows(self) -> list[tuple[str, str]]:
        """Return the figures by name, to be read."""
        plan, cost, kind = self.plan, self.plan.cost, self.plan.learns_from
        bound = "" if cost.compiled else " before the compiler fuses"
        return [
            ("devices", f"{plan.devices} x {plan.device_kind}"),
            (
                f"{kind} per step",
                f"{plan.batch_size}, {plan.device_batch} per device or spatial group",
            ),
            ("state, frozen weights and batch per device", f"{cost.arguments / GIB:.3f} GiB"),
            ("temporaries per device", f"{cost.temporaries / GIB:.3f} GiB{bound}"),
            ("memory per device", self.memory),
            ("FLOP per step and device", f"{cost.flops:.4g}"),
            ("bytes accessed per step and device", _figure(cost.accessed, "{:.4g}")),
            ("bytes exchanged per step and device", _figure(cost.exchanged, "{:.4g}")),
            ("compute floor", _figure(self.compute_seconds, "{:.4f} s per step")),
            ("bandwidth floor", _figure(self.bandwidth_seconds, "{:.4f} s per step")),
            (f"{kind} per second, at most", _figure(self.examples_per_second, "{:.1f}")),
            ("an epoch, at least", _figure(self.epoch_hours, "{:.3f} h")),
            ("the run, at least", _figure(self.run_hours, "{:.3f} h")),
            *([("price, at least", f"{self.run_price:.2f}")] if self.run_price is not None else []),
        ]


def _figure(value: float | None, form: str) -> str:
    return "not known" if value is None else form.format(value)


def print_rows(title: str, rows: Sequence[tuple[str, str]]) -> None:
    """Print figures as a table on standard output."""
    table = Table("quantity", "value", title=title)
    for row in rows:
        table.add_row(*row)
    Console(soft_wrap=True).print(table)
