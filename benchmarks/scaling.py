"""Step time on TPU slices of other sizes, estimated from two preflights of one chip.

    cinegan preflight --config=CONFIG --topology=v5e:2x4 --pairs=4657 --json > 8.json
    cinegan preflight --config=CONFIG --topology=v5e:2x4 --pairs=4657 --json \\
        --config.batch_size=8 > 1.json
    python -m benchmarks.scaling 1.json 8.json v5e:2x4=8 v5e:4x4=4 v5e:16x16=1

Each CHIP:SHAPE=N is a slice and its number of pairs per device. FLOPs and bytes are extrapolated
linearly from the two files. docs/scaling.md explains the columns.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cinegan_jax.preflight.chips import Topology, parse_topology

HOSTS: Mapping[str, tuple[int, int]] = {
    "v3": (4, 96),
    "v4": (4, 240),
    "v5e": (4, 112),
    "v5p": (4, 208),
    "v6e": (4, 180),
}
"""Chips and virtual CPUs per host of a multi-host slice; https://cloud.google.com/tpu/docs."""

LOADER_RATE = 453.0
"""Pairs per second that a core reads from squashed shards, as measured in docs/data.md."""

COLUMNS = (
    "slice",
    "devices",
    "pairs per device",
    "pairs per step",
    "floor, ms",
    "all-reduce, ms",
    "pairs/s",
    "share of the floor",
    "cores per host for reading",
    "steps per epoch",
    "epoch, s",
)


@dataclass(frozen=True)
class Line:
    """A linear cost of a step in the number of pairs per device."""

    intercept: float
    slope: float

    def __call__(self, pairs: int) -> float:
        return self.intercept + self.slope * pairs


def line(preflights: Sequence[Mapping[str, Any]], name: str) -> Line:
    """Return the line through the costs of this name in two preflights."""
    (x0, y0), (x1, y1) = ((result["device_batch"], result["cost"][name]) for result in preflights)
    slope = (y1 - y0) / (x1 - x0)
    return Line(y0 - slope * x0, slope)


def all_reduce_seconds(slice_: Topology, nbytes: float) -> float:
    """Return the time in which a ring or torus of chips sums `nbytes`, in seconds."""
    return 2 * (slice_.chips - 1) / slice_.chips * nbytes / slice_.chip.interconnect


def row(slice_: Topology, pairs: int, preflights: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the cells of one slice, in the order of `COLUMNS`."""
    chip, data = slice_.chip, preflights[0]["pairs"]
    compute = line(preflights, "flops")(pairs) * chip.devices / chip.flops
    memory = line(preflights, "accessed")(pairs) * chip.devices / chip.bandwidth
    reduce = all_reduce_seconds(slice_, preflights[0]["cost"]["exchanged"])
    floor, batch = max(compute, memory), pairs * slice_.devices
    step = floor + reduce
    chips_a_host, processors = HOSTS[slice_.name.partition(":")[0]]
    hosts = max(1, slice_.chips // chips_a_host)
    cores = batch / step / hosts / LOADER_RATE
    return [
        slice_.name,
        f"{slice_.devices}",
        f"{pairs}",
        f"{batch}",
        f"{1e3 * floor:.1f}",
        f"{1e3 * reduce:.1f}",
        f"{batch / step:.0f}",
        f"{floor / step:.0%}",
        f"{cores:.2f} of {processors}",
        f"{data // batch}",
        f"{data // batch * step:.1f}",
    ]


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument(
        "preflights", nargs=2, type=Path, help="JSON of two batch sizes of one chip"
    )
    parser.add_argument("slices", nargs="+", metavar="CHIP:SHAPE=PAIRS")
    arguments = parser.parse_args()
    preflights = [json.loads(path.read_text()) for path in arguments.preflights]
    print("| " + " | ".join(COLUMNS) + " |\n|" + " ---: |" * len(COLUMNS))
    for wanted in arguments.slices:
        name, _, pairs = wanted.partition("=")
        print("| " + " | ".join(row(parse_topology(name), int(pairs), preflights)) + " |")


if __name__ == "__main__":
    main()
