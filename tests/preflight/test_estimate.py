"""Floors, speed and price against figures worked out by hand."""

import dataclasses
import json

import pytest

from cinegan_jax.preflight.chips import CHIPS, GIB
from cinegan_jax.preflight.estimate import Estimate, RunPlan
from cinegan_jax.preflight.step_cost import StepCost

COST = StepCost(
    arguments=GIB, temporaries=8 * GIB, flops=6.15e12, accessed=90e9, exchanged=1, compiled=True
)
PLAN = RunPlan(
    device_kind="TPU v3",
    devices=8,
    batch_size=64,
    device_batch=8,
    accumulate_steps=1,
    examples=650,
    total_steps=36_000,
    cost=COST,
)


def on_v3(plan: RunPlan = PLAN, **cost: object) -> Estimate:
    changed = dataclasses.replace(plan, cost=dataclasses.replace(plan.cost, **cost))
    return Estimate(changed, CHIPS["v3"], price_per_chip_hour=2.0)


def test_the_longer_floor_gives_speed_hours_and_price() -> None:
    estimate = on_v3()
    # A v3 core, half of a chip: 61.5 TFLOP/s and 450 GB/s.
    assert estimate.compute_seconds == pytest.approx(0.1)
    assert estimate.bandwidth_seconds == pytest.approx(0.2)
    assert estimate.examples_per_second == pytest.approx(64 / 0.2)
    assert estimate.epoch_hours == pytest.approx(10 * 0.2 / 3600)
    assert estimate.run_hours == pytest.approx(2.0)
    assert estimate.run_price == pytest.approx(2.0 * 2.0 * 4)  # hours, price, chips
    assert on_v3(flops=61.5e12).step_seconds == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("cost", "fits", "says"),
    [
        ({}, True, "9.00 of 15.48 GiB: fits"),
        ({"temporaries": 16 * GIB}, False, "17.00 of 15.48 GiB: does not fit"),
        ({"temporaries": 16 * GIB, "compiled": False}, None, "compile it to know"),
        ({"compiled": False}, True, "fits"),
        ({"arguments": 16 * GIB, "compiled": False}, False, "does not fit"),
    ],
)
def test_memory_is_compared_with_that_of_a_core(
    cost: dict[str, object], fits: bool | None, says: str
) -> None:
    estimate = on_v3(**cost)
    assert estimate.fits is fits
    assert estimate.memory.endswith(says)


def test_unknown_figures_are_none() -> None:
    no_data = dataclasses.replace(PLAN, examples=None, total_steps=None)
    estimate = on_v3(no_data, accessed=None, compiled=False)
    assert estimate.bandwidth_seconds is None
    assert estimate.step_seconds == pytest.approx(0.1)
    assert (estimate.epoch_hours, estimate.run_hours, estimate.run_price) == (None, None, None)
    assert dict(estimate.rows())["an epoch, at least"] == "not known"
    unknown_chip = Estimate(PLAN, None, 2.0)
    assert dict(unknown_chip.rows())["compute floor"] == "not known"
    assert (unknown_chip.fits, unknown_chip.run_price) == (None, None)


def test_json_has_the_plan_and_the_figures() -> None:
    found = json.loads(on_v3().to_json(topology="v3:2x2"))
    assert found["cost"]["flops"] == 6.15e12
    assert found["run_price"] == pytest.approx(16.0)
    assert (found["topology"], found["fits"], found["devices"]) == ("v3:2x2", True, 8)
