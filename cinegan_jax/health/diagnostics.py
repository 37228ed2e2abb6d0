"""Diagnostics of a check: the measurements of a step, and ratios and differences of them.

A diagnostic is named `OWNER/quantity` or `OWNER/quantity/PART`, such as `generator/update_norm/e1`.
One that could not be computed is None.
"""

import math
import re
from collections.abc import Iterator, Mapping

Measurements = Mapping[str, float]
"""Measured values of one step by name (see `training.diagnostics`); they need not be finite."""

CheckDiagnostics = Mapping[str, float | None]
"""All diagnostics of one check by name."""

HAS_START = re.compile(r"level/.*|.*/gradient_norm|output/target_distance")
"""Diagnostics that are also compared with their value at the start of the run."""


def derive(measured: Measurements, starts: Mapping[str, float]) -> dict[str, float | None]:
    """Return all diagnostics of a check.

    Args:
      measured: the measurements of the step.
      starts: values at the start of the run, by name. The ratio to each is a further diagnostic,
        `NAME_to_start`.
    """
    derived = {
        **dict(_update_ratios(measured)),
        **dict(_discriminators(measured)),
        **dict(_images(measured)),
        "players/gradient_norm_ratio": _ratio(
            measured, "generator/gradient_norm", "discriminator/gradient_norm"
        ),
        **{f"{n}_to_start": _divided(measured.get(n), start) for n, start in starts.items()},
    }
    kept = {n: value for n, value in measured.items() if "/parameter_norm/" not in n}
    known = kept | {n: value for n, value in derived.items() if value is not None}
    return {n: float(value) if math.isfinite(value) else None for n, value in known.items()}


def _update_ratios(measured: Measurements) -> Iterator[tuple[str, float | None]]:
    """Yield the norm of the update of each player or block relative to its parameters."""
    for name in measured:
        if "/update_norm" in name:
            norm = name.replace("/update_norm", "/parameter_norm")
            yield name.replace("/update_norm", "/update_ratio"), _ratio(measured, name, norm)


def _discriminators(measured: Measurements) -> Iterator[tuple[str, float | None]]:
    """Yield each discriminator's accuracy and margin, averaged over real and generated images."""
    for name, value in measured.items():
        if found := re.fullmatch(r"(.+/(?:accuracy|margin))_real(_.+)?", name):
            quantity, scale = found[1], found[2] or ""
            yield f"{quantity}{scale}", (value + measured[f"{quantity}_fake{scale}"]) / 2


def _images(measured: Measurements) -> Iterator[tuple[str, float | None]]:
    """Yield comparisons of the generated images with the inputs and the targets."""
    for owner in ("input", "target"):
        ratio = _ratio(measured, "output/pair_distance", f"{owner}/pair_distance")
        yield f"output/distance_to_{owner}s", ratio
    if "output/mean_a" in measured and "target/mean_a" in measured:
        for share in ("burnt", "saturated"):
            excess = measured[f"output/{share}_share"] - measured[f"target/{share}_share"]
            yield f"output/{share}_excess", excess
        casts = (measured[f"output/mean_{c}"] - measured[f"target/mean_{c}"] for c in "ab")
        yield "output/colour_cast", math.hypot(*casts)


def _ratio(measured: Measurements, over: str, under: str) -> float | None:
    return _divided(measured.get(over), measured.get(under))


def _divided(over: float | None, under: float | None) -> float | None:
    """Divide, or return None where a value is missing or the divisor is 0."""
    return over / under if over is not None and under else None
