"""Charts as SVG, for places where no script runs."""

import math
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as xml

from cinegan_jax.pages.curves import Chart, Curve, thin, with_gaps
from cinegan_jax.pages.numbers import short_number, thousands

WIDTH, HEIGHT = 760, 380
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 62, 40
"""Margins around the curves, in pixels."""
_MOST_POINTS = 400
"""Most points of a curve; more could not be distinguished at this width."""
_TICKS = 6
"""Approximate number of lines across the chart."""
_PAPER, _INK, _SOFT, _GRID = "#fffcf6", "#2a211a", "#6f6153", "#e2d8c8"
_COLOURS = ("#b06a12", "#2f6ea8", "#4b8a3a", "#a8446f", "#6a55b0", "#1f8378", "#8f7400", "#b04a30")
"""Colours of the curves, in turn."""


def to_svg(chart: Chart) -> str:
    """Draw a chart with its title, axes and the name of each curve; None values are gaps."""
    svg = xml.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {WIDTH} {HEIGHT}",
            "font-family": "system-ui, sans-serif",
            "font-size": "12",
        },
    )
    xml.SubElement(svg, "rect", width="100%", height="100%", rx="8", fill=_PAPER)
    _text(svg, LEFT, 26, chart.title, _INK).set("font-size", "16")
    curves = [thin(with_gaps(curve), _MOST_POINTS) for curve in chart.curves]
    steps = _Axis([step for curve in curves for step in curve.steps], LEFT, WIDTH - RIGHT)
    values = _Axis(
        [v for curve in curves for v in curve.values if v is not None], HEIGHT - BOTTOM, TOP
    )
    _scales(svg, steps, values)
    place = LEFT
    for curve, colour in zip(curves, _colours(len(curves)), strict=True):
        xml.SubElement(svg, "path", {"d": _path(curve, steps, values), **_stroke(colour)})
        _text(svg, place, 48, f"\N{BLACK CIRCLE} {curve.name}", colour)
        place += 30 + 7 * len(curve.name)
    return xml.tostring(svg, encoding="unicode") + "\n"


class _Axis:
    """Map from numbers to positions along one side of the chart."""

    def __init__(self, numbers: Sequence[float], start: float, end: float):
        low, high = min(numbers, default=0.0), max(numbers, default=1.0)
        self._low, self._high = (low, high) if high > low else (low - 0.5, low + 0.5)
        self._start, self._end = start, end

    def __call__(self, number: float) -> str:
        share = (number - self._low) / (self._high - self._low)
        return f"{self._start + share * (self._end - self._start):.1f}"

    @property
    def ticks(self) -> list[float]:
        """Round numbers that are 1, 2 or 5 times a power of ten apart."""
        rough = (self._high - self._low) / _TICKS
        power = 10.0 ** math.floor(math.log10(rough))
        apart = next(power * times for times in (1, 2, 5, 10) if power * times >= rough)
        first = math.ceil(self._low / apart)
        return [i * apart for i in range(first, math.floor(self._high / apart) + 1)]


def _scales(svg: xml.Element, steps: _Axis, values: _Axis) -> None:
    for value in values.ticks:
        height = values(value)
        line = {"x1": f"{LEFT}", "x2": f"{WIDTH - RIGHT}", "y1": height, "y2": height}
        xml.SubElement(svg, "line", line, stroke=_GRID)
        text = short_number(round(value, 12), 3)
        _text(svg, LEFT - 8, float(height) + 4, text, _SOFT).set("text-anchor", "end")
    for step in steps.ticks:
        if step == int(step):
            label = _text(
                svg, float(steps(step)), HEIGHT - BOTTOM + 18, thousands(int(step)), _SOFT
            )
            label.set("text-anchor", "middle")
    _text(svg, WIDTH - RIGHT, HEIGHT - 6, "step", _SOFT).set("text-anchor", "end")


def _text(svg: xml.Element, left: float, down: float, text: str, colour: str) -> xml.Element:
    found = xml.SubElement(svg, "text", x=f"{left:.1f}", y=f"{down:.1f}", fill=colour)
    found.text = text
    return found


def _path(curve: Curve, steps: _Axis, values: _Axis) -> str:
    """Return path data: a move to the first point after each gap, and lines to the others."""
    parts, drawing = [], False
    for step, value in zip(curve.steps, curve.values, strict=True):
        if value is not None:
            parts.append(f"{'L' if drawing else 'M'}{steps(step)} {values(value)}")
        drawing = value is not None
    return "".join(parts)


def _stroke(colour: str) -> dict[str, str]:
    return {"fill": "none", "stroke": colour, "stroke-width": "1.5", "stroke-linejoin": "round"}


def _colours(count: int) -> Iterator[str]:
    return (_COLOURS[i % len(_COLOURS)] for i in range(count))
