"""Sizes in a `srcset`, with examples of the HTML standard."""

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
def test_candidates(srcset: str, expected: list[tuple[str, float]]) -> None:
    assert candidates(srcset) == expected


def test_the_first_of_equally_large_sizes_wins() -> None:
    assert largest("a.jpg 100w, b.jpg 300w, c.jpg 300w") == "b.jpg"
    assert largest("") is None


def test_a_million_commas_are_skipped_quickly() -> None:
    assert candidates("," * 10**6 + "a.jpg" + "," * 10**6) == [("a.jpg", 1)]
