"""Derive the diagnostics that rules read from those of a step: ratios, levels to the start.

A diagnostic is named `WHOSE/what` or `WHOSE/what/PART`. One that could not be measured is None.
"""

import math
import re
from collections.abc import Iterator, Mapping

Measured = Mapping[str, float]
"""Diagnostics by name (see `training.diagnostics`); not finite where a step was not."""

Diagnostics = Mapping[str, float | None]

HAS_START = re.compile(r"level/.*|.*/gradient_norm|output/target_distance")
"""Diagnostics that are also divided by what they were at the start."""


def derive(measured: Measured, starts: Mapping[str, float]) -> dict[str, float | None]:
    """All diagnostics of a check.

    Args:
      measured: see `Measured`.
      starts: what some of them were at the start of the run; divided by it, each is a diagnostic of
        its own, `NAME_to_start`.
    """
    derived = {
        **dict(_update_ratios(measured)),
        **dict(_discriminators(measured)),
        **dict(_pictures(measured)),
        "players/gradient_norm_ratio": _ratio(
            measured, "generator/gradient_norm", "discriminator/gradient_norm"
        ),
        **{f"{n}_to_start": _divided(measured.get(n), start) for n, start in starts.items()},
    }
    told = {n: value for n, value in measured.items() if "/parameter_norm/" not in n}
    known = told | {n: value for n, value in derived.items() if value is not None}
    return {n: float(value) if math.isfinite(value) else None for n, value in known.items()}


def _update_ratios(measured: Measured) -> Iterator[tuple[str, float | None]]:
    """How far an update moves a player or a block, relative to what it moves."""
    for name in measured:
        if "/update_norm" in name:
            norm = name.replace("/update_norm", "/parameter_norm")
            yield name.replace("/update_norm", "/update_ratio"), _ratio(measured, name, norm)


def _discriminators(measured: Measured) -> Iterator[tuple[str, float | None]]:
    """Means of what each discriminator makes of real and of generated pictures."""
    for name, value in measured.items():
        if found := re.fullmatch(r"(.+/(?:accuracy|margin))_real(_.+)?", name):
            what, scale = found[1], found[2] or ""
            yield f"{what}{scale}", (value + measured[f"{what}_fake{scale}"]) / 2


def _pictures(measured: Measured) -> Iterator[tuple[str, float | None]]:
    """The generated pictures against the pictures that they should be like."""
    for whose in ("input", "target"):
        ratio = _ratio(measured, "output/pair_distance", f"{whose}/pair_distance")
        yield f"output/distance_to_{whose}s", ratio
    if "output/mean_a" in measured and "target/mean_a" in measured:
        for share in ("burnt", "saturated"):
            excess = measured[f"output/{share}_share"] - measured[f"target/{share}_share"]
            yield f"output/{share}_excess", excess
        casts = (measured[f"output/mean_{c}"] - measured[f"target/mean_{c}"] for c in "ab")
        yield "output/colour_cast", math.hypot(*casts)


def _ratio(measured: Measured, over: str, under: str) -> float | None:
    return _divided(measured.get(over), measured.get(under))


def _divided(over: float | None, under: float | None) -> float | None:
    """None where there is nothing to divide, or nothing to divide by."""
    return over / under if over is not None and under else None
