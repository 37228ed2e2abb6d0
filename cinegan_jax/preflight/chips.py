"""TPU chips and the slices that are rented, in published figures.

Peaks, bandwidths and slice shapes: https://cloud.google.com/tpu/docs/v3, v4, v5e, v5p and v6e.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cinegan_jax.core.errors import UserError


@dataclass(frozen=True)
class Chip:
    """A kind of TPU chip; all figures are those of a whole chip.

    Attributes:
      kind: name of the kind, as `jax.Device.device_kind` has it.
      devices: JAX devices per chip; v3 shows each of its two cores.
      flops: peak rate of bfloat16 operations, 1/s.
      bandwidth: bandwidth between chip and HBM, bytes/s.
      hbm: bytes that programs may use, as libtpu 0.0.52 reports when a program needs more.
      interconnect: bandwidth to the other chips, bytes/s: half of the published bidirectional
        figure; v3 and v4: the published all-reduce bandwidth of a pod, divided by its chips.
      shapes: slices that are rented, in chips.
      libtpu: further arguments of libtpu's description of a slice.
    """

    kind: str
    devices: int
    flops: float
    bandwidth: float
    hbm: float
    interconnect: float
    shapes: tuple[str, ...]
    libtpu: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Topology:
    """A slice: chips of one kind in a mesh or torus, such as `v5e:4x4`."""

    name: str
    chip: Chip
    chips: int

    @property
    def devices(self) -> int:
        """JAX devices in the slice."""
        return self.chips * self.chip.devices


GIB = 2**30
_FLAT = ("2x2", "2x4", "4x4", "4x8", "8x8", "8x16", "16x16")
_CUBES = ("2x2x1", "2x2x2", "2x2x4", "2x4x4", "4x4x4", "4x4x8", "4x8x8", "8x8x8", "8x8x16")
_MEGACORE = {"chip_config_name": "megacore"}  # a chip's two cores as one device, as on TPU VMs

CHIPS: Mapping[str, Chip] = {
    "v3": Chip(
        kind="TPU v3",
        devices=2,
        flops=123e12,
        bandwidth=900e9,
        hbm=2 * 15.48 * GIB,
        interconnect=340e12 / 1024,
        shapes=("2x2", "4x4", "4x8", "8x8", "8x16", "16x16", "16x32", "32x32"),
    ),
    "v4": Chip(
        kind="TPU v4",
        devices=1,
        flops=275e12,
        bandwidth=1200e9,
        hbm=30.75 * GIB,
        interconnect=1.1e15 / 4096,
        shapes=(*_CUBES, "8x16x16", "16x16x16"),
        libtpu=_MEGACORE,
    ),
    "v5e": Chip(
        kind="TPU v5 lite",
        devices=1,
        flops=197e12,
        bandwidth=819e9,
        hbm=15.75 * GIB,
        interconnect=200e9,
        shapes=_FLAT,
    ),
    "v5p": Chip(
        kind="TPU v5",
        devices=1,
        flops=459e12,
        bandwidth=2765e9,
        hbm=95.73 * GIB,
        interconnect=600e9,
        shapes=(*_CUBES, "8x16x16", "16x16x16", "16x16x24"),
        libtpu=_MEGACORE,
    ),
    "v6e": Chip(
        kind="TPU v6 lite",
        devices=1,
        flops=918e12,
        bandwidth=1638e9,
        hbm=31.24 * GIB,
        interconnect=400e9,
        shapes=_FLAT,
    ),
}


def parse_topology(name: str) -> Topology:
    """Return the slice that libtpu calls `name`: chip, colon, and the chips along each axis.

    Raises:
      UserError: there is no such slice; the text lists all slices.
    """
    kind, _, shape = name.partition(":")
    chip = CHIPS.get(kind)
    if chip is None or shape not in chip.shapes:
        known = "\n".join(f"  {k}: {' '.join(c.shapes)}" for k, c in CHIPS.items())
        raise UserError(
            f"topology {name!r} is not known; write CHIP:SHAPE, such as v3:2x2 (a v3-8), with one "
            f"of\n{known}"
        )
    return Topology(name, chip, math.prod(map(int, re.findall(r"\d+", shape))))


def chip_of(kind: str) -> Chip | None:
    """Return the chip whose devices JAX calls `kind`, or None where it is not known."""
    return next((chip for chip in CHIPS.values() if chip.kind == kind), None)
