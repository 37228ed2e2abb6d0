"""Charts as SVG: where curves run, and what is written beside them."""

from xml.etree import ElementTree as xml

import pytest

from cinegan_jax.pages.curves import Chart, Curve
from cinegan_jax.pages.svg_chart import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, to_svg

SVG = "{http://www.w3.org/2000/svg}"


def drawn(*curves: Curve, title: str = "Losses") -> xml.Element:
    return xml.fromstring(to_svg(Chart(title, curves)))


def paths(svg: xml.Element) -> list[str]:
    return [path.attrib["d"] for path in svg.iter(f"{SVG}path")]


def texts(svg: xml.Element) -> list[str]:
    return [text.text or "" for text in svg.iter(f"{SVG}text")]


def test_a_curve_fills_the_chart_from_corner_to_corner() -> None:
    middle = (LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2
    expected = (
        f"M{LEFT:.1f} {HEIGHT - BOTTOM:.1f}L{middle[0]:.1f} {middle[1]:.1f}"
        f"L{WIDTH - RIGHT:.1f} {TOP:.1f}"
    )
    assert paths(drawn(Curve("discriminator", [100, 200, 300], [1.0, 2.0, 3.0]))) == [expected]


def test_a_gap_begins_another_line() -> None:
    (path,) = paths(drawn(Curve("discriminator", [1, 2, 3, 4], [1.0, None, 2.0, 3.0])))
    assert path.count("M") == 2
    assert path.count("L") == 1


def test_it_is_named_and_its_axes_have_round_numbers() -> None:
    svg = drawn(
        Curve("generator", [500, 2500], [0.2, 1.1]), Curve("discriminator", [500, 2500], [0.4, 0.7])
    )
    written = texts(svg)
    assert written[0] == "Losses"
    for text in ("0.2", "0.4", "0.8", "1", "1\N{THIN SPACE}000", "2\N{THIN SPACE}500", "step"):
        assert text in written
    assert [text[2:] for text in written if text.startswith("\N{BLACK CIRCLE}")] == [
        "generator",
        "discriminator",
    ]
    colours = [path.attrib["stroke"] for path in svg.iter(f"{SVG}path")]
    assert len(set(colours)) == 2


def test_names_are_escaped() -> None:
    svg = drawn(Curve("<script>", [1, 2], [0.0, 1.0]), title="a & b")
    assert {"a & b", "\N{BLACK CIRCLE} <script>"} <= set(texts(svg))


@pytest.mark.parametrize("curve", [Curve("a", [7], [0.5]), Curve("a", [7], [None])])
def test_a_single_point_and_none_can_be_drawn(curve: Curve) -> None:
    assert len(paths(drawn(curve))) == 1


def test_long_curves_are_thinned() -> None:
    steps = range(100_000)
    assert len(to_svg(Chart("a", [Curve("a", steps, [step % 7 for step in steps])]))) < 20_000
