"""Charts of a run: which curves of its metrics, speed and health are shown together."""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from cinegan_jax.metrics.registry import SET_METRICS
from cinegan_jax.pages.curves import Chart, Curve
from cinegan_jax.report.run_files import RunFiles

HELD_OUT_PREFIX = "heldout/"
"""Prefix of held-out scores in the metrics records."""

_LOG_RANGE = 20.0
"""Ratio of a chart's high to its low values above which its axis is logarithmic at first."""
_LOW_HIGH = (5, 95)
"""Percentiles that count as low and high."""
_LOSS_CHARTS = ("Losses", "Gradient norms", "Terms of the generator's loss", "Discriminator losses")
"""Charts of the metrics records, in order."""
_IMAGE_PARTS = ("input", "output", "target")
"""Parts of diagnostics that describe images."""
_RUN, _RUN_PARTS = "run", ("data", "players", "steps")
"""Parts that have few diagnostics each, and their common name."""
_ORIGIN_AND_SCALE = re.compile(r"_?(?:real|fake|full|half).*$")
_NO_CURVES = ("epoch", "step", "skipped_steps")


def loss_charts(files: RunFiles) -> list[Chart]:
    """Return charts of the losses and gradient norms in the metrics records."""
    curves = _curves(files.metrics, lambda record: record)
    titles: dict[str, list[Curve]] = defaultdict(list)
    for name, curve in curves.items():
        if name not in _NO_CURVES and not name.startswith(HELD_OUT_PREFIX):
            title, label = _loss_title(name)
            titles[title].append(Curve(label, curve.steps, curve.values))
    skipped = curves.get("skipped_steps")
    if skipped and any(skipped.values):
        titles["Skipped steps, total"].append(skipped)
    known = [title for title in _LOSS_CHARTS if title in titles]
    return [_chart(title, titles[title]) for title in dict.fromkeys([*known, *titles])]


def held_out_charts(files: RunFiles) -> list[Chart]:
    """Return one chart for each held-out metric, with and without the target's grain."""
    titles: dict[str, list[Curve]] = defaultdict(list)
    for name, curve in _curves(files.metrics, lambda record: record).items():
        if name.startswith(HELD_OUT_PREFIX):
            metric = name.removeprefix(HELD_OUT_PREFIX)
            target = "the clean target" if metric.endswith("_clean") else "the target"
            label = f"against {target}" if files.learned == "pairs" else "generated images"
            titles[metric.removesuffix("_clean")].append(Curve(label, curve.steps, curve.values))
    return [
        Chart(score_label(metric), curves, unit="dB" if metric == "psnr" else "")
        for metric, curves in titles.items()
    ]


def speed_charts(files: RunFiles) -> list[Chart]:
    """Return charts of the training speed, and of the time spent waiting for data."""
    found = _curves(files.metrics, lambda record: record.get("timing"))
    charts, rate = [], found.get(f"{files.learned}_per_second")
    if rate is not None:
        title = f"{files.learned.capitalize()} per second"
        charts.append(Chart(title, [_named(rate, "all devices")]))
    if "data_wait_share" in found:
        waits = found["data_wait_share"]
        percent = [None if value is None else 100 * value for value in waits.values]
        charts.append(
            Chart("Time spent waiting for data", [Curve("share", waits.steps, percent)], unit="%")
        )
    return charts


def health_charts(files: RunFiles) -> dict[str, list[Chart]]:
    """Return charts of diagnostics by the part of the run that they describe.

    The part is the first word of a diagnostic's name.
    """
    charts: dict[str, dict[str, list[Curve]]] = defaultdict(lambda: defaultdict(list))
    for name, curve in _curves(files.checks, lambda record: record["diagnostics"]).items():
        part, title, label = _diagnostic_title(name)
        charts[part][title].append(Curve(label, curve.steps, curve.values))
    return {
        part: [_chart(title, _alone(curves)) for title, curves in titles.items()]
        for part, titles in charts.items()
    }


def score_label(metric: str) -> str:
    """Return the label of a held-out metric."""
    names = {"psnr": "PSNR", "delta_e": "Delta E 76"}
    names |= {name: known.label for name, known in SET_METRICS.items()}
    plain = metric.removesuffix("_clean")
    label = names.get(plain, _words(plain))
    return label if plain == metric else f"{label}, clean target"


def _curves(records: Iterable[Mapping[str, Any]], values: Any) -> dict[str, Curve]:
    """Return a curve for each name that has numbers; of two values at one step, the later one."""
    points: dict[str, dict[int, float | None]] = defaultdict(dict)
    for record in records:
        found = values(record)
        for name, value in found.items() if isinstance(found, Mapping) else ():
            if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
                points[name][record["step"]] = value
    return {
        name: Curve(name, *zip(*sorted(found.items()), strict=True))
        for name, found in points.items()
        if any(value is not None for value in found.values())
    }


def _loss_title(name: str) -> tuple[str, str]:
    """Return the chart that a metric belongs to, and its name there."""
    for prefix, title in (("loss_", "Losses"), ("gradient_norm_", "Gradient norms")):
        if name.startswith(prefix):
            return title, _words(name.removeprefix(prefix))
    if name.startswith("discriminator_"):
        return "Discriminator losses", _words(name.removeprefix("discriminator_"))
    return "Terms of the generator's loss", _words(name)


def _diagnostic_title(name: str) -> tuple[str, str, str]:
    """Return part, chart and curve of a diagnostic such as `discriminator/accuracy_real_full`.

    A diagnostic that inputs, outputs and targets share makes one chart. So do a diagnostic's values
    for real and generated images and for each scale of the discriminator, and its values for the
    blocks of a network (`generator/gradient_norm/block1`).
    """
    part, _, rest = name.partition("/")
    if not rest:
        return _RUN, _words(name), _words(name)
    if part in _IMAGE_PARTS:
        return "images", _words(rest), part
    if part in _RUN_PARTS:
        return _RUN, f"{part}: {_words(rest)}", _words(rest)
    title, _, label = rest.partition("/")
    if not label:
        stem = _ORIGIN_AND_SCALE.sub("", title)
        title, label = (stem, title.removeprefix(f"{stem}_")) if stem else (title, title)
        label = "all" if label == title else label
    return part, _words(title), _words(label)


def _chart(title: str, curves: list[Curve]) -> Chart:
    values = [v for c in curves for v in c.values if v is not None and math.isfinite(v)]
    log = False
    if values and min(values) >= 0 and not title.endswith("share"):
        low, high = np.percentile(values, _LOW_HIGH)
        log = bool(low > 0 and high > _LOG_RANGE * low)
    return Chart(title, curves, log=log)


def _alone(curves: list[Curve]) -> list[Curve]:
    """Return the curves; a single one gets no name beside its chart's title."""
    return [_named(curves[0], "")] if len(curves) == 1 else curves


def _named(curve: Curve, name: str) -> Curve:
    return Curve(name, curve.steps, curve.values)


def _words(name: str) -> str:
    return name.replace("_", " ")
