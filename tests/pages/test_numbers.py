"""Numbers and times in words."""

import math

import pytest

from cinegan_jax.pages.numbers import duration, short_number, thousands, utc_time


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0123456, "0.01235"),
        (12.3456, "12.35"),
        (-3, "−3"),
        (123456.7, "123\u2009457"),
        (1.2e-7, "1.2e−07"),
        (4.56e12, "4.560e+12"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (math.nan, "–"),
        (None, "–"),
    ],
)
def test_short_numbers_have_four_digits(value: float | None, text: str) -> None:
    assert short_number(value) == text


def test_thousands_stand_apart() -> None:
    assert thousands(1234567) == "1\u2009234\u2009567"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 s"),
        (59.6, "1 min"),
        (3661, "1 h 1 min"),
        (3605, "1 h"),
        (90000, "1 d 1 h"),
        (1800, "30 min"),
    ],
)
def test_durations_have_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_times_are_in_utc() -> None:
    assert utc_time(86400 * 365) == "1971-01-01 00:00"
