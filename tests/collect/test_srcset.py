"""Sizes of an HTML image, by examples of the standard's."""

import pytest

from cinegan_jax.collect.sources import candidates, largest


@pytest.mark.parametrize(
    ("srcset", "expected"),
    [
        ("", []),
        (" , ,", []),
        ("a.jpg", [("a.jpg", 1)]),
        ("a.jpg 1x, b.jpg 2x", [("a.jpg", 1), ("b.jpg", 2)]),
        ("a.jpg, b.jpg 1.5x", [("a.jpg", 1), ("b.jpg", 1.5)]),
        ("a,b.jpg 100w,c.jpg 300w", [("a,b.jpg", 100), ("c.jpg", 300)]),
        ("a.jpg,b.jpg 2x", [("a.jpg,b.jpg", 2)]),
        ("a.jpg 480w 100h,\n\t b.jpg   800w ,", [("a.jpg", 480), ("b.jpg", 800)]),
        ("data:a;base64,AAA= 1x, b.jpg 2x", [("data:a;base64,AAA=", 1), ("b.jpg", 2)]),
        ("a.jpg 2q, b.jpg x, c.jpg -1x, d.jpg 3x", [("d.jpg", 3)]),
    ],
)  # fmt: skip
def test_candidates(srcset, expected):
    assert candidates(srcset) == expected


def test_the_largest_is_the_first_of_several():
    assert largest("a.jpg 100w, b.jpg 300w, c.jpg 300w") == "b.jpg"
    assert largest("") is None


def test_endless_commas_take_no_time():
    assert candidates("," * 10**6 + "a.jpg" + "," * 10**6) == [("a.jpg", 1)]
