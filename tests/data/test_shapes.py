"""The drawn set: what it shows, how it is spread, and that it is always the same."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import stats

from cinegan_jax.core.errors import UserError
from cinegan_jax.data.shapes import (
    BACKGROUND,
    CENTRE_SHIFT,
    COUNTS,
    KINDS,
    RADIUS,
    SHAPE_COLOURS,
    SHAPE_MODES,
    TURN,
    DrawnShapes,
    Shape,
    coverage,
    draw,
)


def _outline(shape: Shape) -> Any:
    """Corners of the shape round the origin, by their angles and radii alone."""
    match shape.kind:
        case "square":
            radii, angles = np.full(4, np.sqrt(np.pi / 2)), np.radians([45, 135, 225, 315])
        case "triangle":
            radii, angles = np.full(3, np.sqrt(4 * np.pi / np.sqrt(27))), np.radians([-90, 30, 150])
        case "cross":  # arms three times as long as wide, of area 5 squares
            side = np.sqrt(np.pi / 5)
            corners = side / 2 * np.array([(3, 1), (1, 1), (1, 3)])
            quarter = corners[:, 0] + 1j * corners[:, 1]
            whole = np.concatenate([quarter * 1j**k for k in range(4)])
            return whole
    return radii * np.exp(1j * angles)


def _by_pillow(shape: Shape, size: int, times: int = 16) -> np.ndarray:
    """The share of each pixel that is covered, by drawing it 16 times as large."""
    image = Image.new("L", (size * times, size * times))
    pen, centre = ImageDraw.Draw(image), complex(shape.right, shape.down) * size * times
    scale = shape.radius * size * times

    def disc(radius: float, fill: int) -> None:
        box = [
            centre.real - radius,
            centre.imag - radius,
            centre.real + radius,
            centre.imag + radius,
        ]
        pen.ellipse([value - 0.5 for value in box], fill=fill)

    if shape.kind == "disc":
        disc(scale, 255)
    elif shape.kind == "ring":
        disc(1.25 * scale, 255)
        disc(0.75 * scale, 0)
    else:
        points = centre + scale * _outline(shape) * np.exp(1j * shape.turn)
        pen.polygon([(point.real - 0.5, point.imag - 0.5) for point in points], fill=255)
    return np.asarray(image.reduce(times)) / 255


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("turn", [0.0, 0.3])
def test_coverage_is_that_of_a_large_drawing(kind: str, turn: float) -> None:
    shape = Shape(kind, "red", 0.47, 0.53, 0.22, turn)
    found, expected = coverage(shape, 64), _by_pillow(shape, 64)
    difference = abs(found - expected)
    assert difference.max() < 0.3  # at corners
    assert (difference > 0.1).sum() <= 20
    assert difference.mean() < 0.002


@pytest.mark.parametrize("kind", KINDS)
def test_all_kinds_have_the_same_area_and_the_centre_they_say(
    kind: str,
) -> None:
    shape = Shape(kind, "blue", 0.45, 0.52, 0.2, 0.2)
    cover = coverage(shape, 256)
    assert cover.mean() == pytest.approx(np.pi * 0.2**2, rel=0.01)
    down, right = np.indices(cover.shape) + 0.5
    centre = [(cover * axis).sum() / cover.sum() / 256 for axis in (right, down)]
    assert centre == pytest.approx([0.45, 0.52], abs=1e-3)


def test_colours_are_those_named() -> None:
    for name, colour in SHAPE_COLOURS.items():
        image = draw(Shape("disc", name, 0.5, 0.5, 0.2, 0.0), 64)
        assert tuple(image[32, 32]) == colour
        assert tuple(image[0, 0]) == BACKGROUND
    assert image.dtype == np.uint8


def test_modes_are_equally_frequent_and_named() -> None:
    for split, count in COUNTS.items():
        source = DrawnShapes(split, 8)
        assert len(source) == len(source.names) == len(set(source.names)) == count
        modes = Counter(name.split(maxsplit=1)[1] for name in source.names)
        assert set(modes) == set(SHAPE_MODES)
        assert set(modes.values()) == {count / len(SHAPE_MODES)}
    shape = source.shape(7)
    assert source.names[7] == f"00007 {shape.colour} {shape.kind}"


def test_the_rest_is_uniform() -> None:
    source = DrawnShapes("train", 8)
    shapes = [source.shape(index) for index in range(2_000)]
    middle = (0.5 - CENTRE_SHIFT, 0.5 + CENTRE_SHIFT)
    for field, (least, most) in {
        "right": middle,
        "down": middle,
        "radius": RADIUS,
        "turn": (-TURN, TURN),
    }.items():
        values = [getattr(shape, field) for shape in shapes]
        assert stats.kstest(values, "uniform", (least, most - least)).pvalue > 0.001


def test_nothing_is_cut_off() -> None:
    edge = np.ones((64, 64), bool)
    edge[1:-1, 1:-1] = False
    for kind in KINDS:
        for turn in (-TURN, 0.0, TURN):
            shape = Shape(kind, "red", 0.5 + CENTRE_SHIFT, 0.5 - CENTRE_SHIFT, RADIUS[1], turn)
            assert not coverage(shape, 64)[edge].any()


def test_a_image_is_the_same_each_time_and_of_one_split_only() -> None:
    first, again = DrawnShapes("train", 32), DrawnShapes("train", 32)
    np.testing.assert_array_equal(first[123].target, again[123].target)
    assert first[123].name == again[123].name
    assert DrawnShapes("test", 32).shape(123) != first.shape(123)
    assert first.shape(123) != first.shape(123 + len(SHAPE_MODES))
    assert DrawnShapes("train", 64).shape(123) == first.shape(123)


def test_an_unknown_split_lists_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"no split 'valid'; choose train or test"):
        DrawnShapes("valid", 64)
