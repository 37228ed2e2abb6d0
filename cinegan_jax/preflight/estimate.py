"""Time, memory and price of a run, from the cost of its step and the chip's published peaks."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from cinegan_jax.families.api import Learned
from cinegan_jax.preflight.chips import GIB, Chip
from cinegan_jax.preflight.step_cost import StepCost
from cinegan_jax.training.gradients import minibatch_count
from cinegan_jax.training.run import Run

HOUR = 3600.0


@dataclass(frozen=True)
class Plan:
    """What some devices are to do.

    Attributes:
      device_kind: as JAX calls it.
      devices: how many there are in all.
      batch_size: pairs or pictures a step, over all devices.
      device_batch: those that a device, or a group that shares pictures, gets of them.
      accumulate_steps: parts they are run in, one after another.
      pairs: training pairs or pictures; None when not known.
      total_steps: of the run; None when not known.
      cost: of one step on one device.
      minibatches: that the pairs or pictures of a step are.
      learns_from: which of the two they are.
    """

    device_kind: str
    devices: int
    batch_size: int
    device_batch: int
    accumulate_steps: int
    pairs: int | None
    total_steps: int | None
    cost: StepCost
    minibatches: int = 1
    learns_from: Learned = "pairs"


def plan_of(run: Run, cost: StepCost, *, pairs: int | None, steps: int | None) -> Plan:
    """The plan of a run whose step has this cost; `pairs` and `steps` where they are known."""
    config, device_batch = run.config, run.device_batch
    return Plan(
        device_kind=run.parallel.devices[0].device_kind,
        devices=run.examples_per_step // device_batch * config.spatial,
        batch_size=run.examples_per_step,
        device_batch=device_batch,
        accumulate_steps=config.accumulate_steps,
        pairs=pairs,
        total_steps=steps,
        cost=cost,
        minibatches=minibatch_count(run.family),
        learns_from=run.family.learns_from,
    )


@dataclass(frozen=True)
class Estimate:
    """A plan against the chips it is to run on; `chip` is None when no figures are known."""

    plan: Plan
    chip: Chip | None
    price_per_chip_hour: float | None = None

    @property
    def device_hbm(self) -> float | None:
        """Bytes of memory that a device's programs may use."""
        return self.chip.hbm / self.chip.devices if self.chip else None

    @property
    def fits(self) -> bool | None:
        """Whether the step fits into a device's memory; None when that cannot be told.

        Temporaries by shapes are more than a compiler leaves of them, so they can only tell that
        it fits.
        """
        if self.device_hbm is None:
            return None
        if self.plan.cost.total <= self.device_hbm:
            return True
        surely = self.plan.cost.compiled or self.plan.cost.arguments > self.device_hbm
        return False if surely else None

    @property
    def memory(self) -> str:
        """What a device holds of what it can, in words."""
        needed = f"{self.plan.cost.total / GIB:.2f}"
        if self.device_hbm is None:
            return f"{needed} GiB"
        verdict = {True: "fits", False: "does not fit", None: "compile it to know"}[self.fits]
        return f"{needed} of {self.device_hbm / GIB:.2f} GiB: {verdict}"

    @property
    def compute_seconds(self) -> float | None:
        """A step's operations at the chip's bfloat16 peak."""
        return self.plan.cost.flops * self.chip.devices / self.chip.flops if self.chip else None

    @property
    def bandwidth_seconds(self) -> float | None:
        """A step's memory traffic at the chip's bandwidth."""
        if self.chip is None or self.plan.cost.accessed is None:
            return None
        return self.plan.cost.accessed * self.chip.devices / self.chip.bandwidth

    @property
    def step_seconds(self) -> float | None:
        """The longer floor: no step is shorter."""
        floors = (self.compute_seconds, self.bandwidth_seconds)
        return max((floor for floor in floors if floor is not None), default=None)

    @property
    def pairs_per_second(self) -> float | None:
        """Of all devices, at most."""
        return self.plan.batch_size / self.step_seconds if self.step_seconds else None

    @property
    def epoch_hours(self) -> float | None:
        """At least."""
        if self.step_seconds is None or self.plan.pairs is None:
            return None
        return self.plan.pairs // self.plan.batch_size * self.step_seconds / HOUR

    @property
    def run_hours(self) -> float | None:
        """At least; without evaluation, pictures and checkpoints."""
        if self.step_seconds is None or self.plan.total_steps is None:
            return None
        return self.plan.total_steps * self.step_seconds / HOUR

    @property
    def run_price(self) -> float | None:
        """At least, in the unit of the price per chip and hour."""
        if self.chip is None or self.run_hours is None or self.price_per_chip_hour is None:
            return None
        return self.run_hours * self.price_per_chip_hour * self.plan.devices / self.chip.devices

    def to_json(self, **more: Any) -> str:
        """All figures: bytes, seconds and hours; null where not known."""
        names = (
            "device_hbm fits compute_seconds bandwidth_seconds step_seconds pairs_per_second "
            "epoch_hours run_hours run_price"
        )
        figures = {name: getattr(self, name) for name in names.split()}
        return json.dumps({**asdict(self.plan), **figures, **more}, indent=2)

    def rows(self) -> list[tuple[str, str]]:
        """The figures by name, to be read."""
        plan, cost, kind = self.plan, self.plan.cost, self.plan.learns_from
        bound = "" if cost.compiled else " before the compiler fuses"
        return [
            ("devices", f"{plan.devices} x {plan.device_kind}"),
            (f"{kind} a step", f"{plan.batch_size}, {plan.device_batch} a device or spatial group"),
            ("state, frozen weights and batch a device", f"{cost.arguments / GIB:.3f} GiB"),
            ("temporaries a device", f"{cost.temporaries / GIB:.3f} GiB{bound}"),
            ("memory a device", self.memory),
            ("FLOP a step and device", f"{cost.flops:.4g}"),
            ("bytes accessed a step and device", _figure(cost.accessed, "{:.4g}")),
            ("bytes exchanged a step and device", _figure(cost.exchanged, "{:.4g}")),
            ("compute floor", _figure(self.compute_seconds, "{:.4f} s a step")),
            ("bandwidth floor", _figure(self.bandwidth_seconds, "{:.4f} s a step")),
            (f"{kind} a second, at most", _figure(self.pairs_per_second, "{:.1f}")),
            ("an epoch, at least", _figure(self.epoch_hours, "{:.3f} h")),
            ("the run, at least", _figure(self.run_hours, "{:.3f} h")),
            *([("price, at least", f"{self.run_price:.2f}")] if self.run_price is not None else []),
        ]


def _figure(value: float | None, form: str) -> str:
    return "not known" if value is None else form.format(value)
