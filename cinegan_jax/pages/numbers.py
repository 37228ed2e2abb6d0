"""Numbers and times as a person reads them."""

import datetime
import math

NOTHING = "\N{EN DASH}"
"""In place of a number that is not there."""


def figure(value: float | None, digits: int = 4) -> str:
    """To so many significant digits: `0.01234`, `12.35`, `123457`, `1.2e-07`."""
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "\N{INFINITY}" if value > 0 else "\N{MINUS SIGN}\N{INFINITY}"
    if abs(value) >= 10**digits:
        text = f"{value:,.0f}" if abs(value) < 1e9 else f"{value:.{digits - 1}e}"
    else:
        text = f"{value:.{digits}g}"
    return text.replace("-", "\N{MINUS SIGN}").replace(",", "\N{THIN SPACE}")


def count(value: int) -> str:
    """A whole number with its thousands apart."""
    return f"{value:,}".replace(",", "\N{THIN SPACE}")


def duration(seconds: float) -> str:
    """In the two largest units: `3 h 20 min`, `45 s`."""
    rest = round(seconds)
    parts: list[str] = []
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        amount, rest = divmod(rest, length)
        if amount or (unit == "s" and not parts):
            parts.append(f"{amount} {unit}")
        elif parts:
            break
    return " ".join(parts[:2])


def moment(seconds: float) -> str:
    """A time since the epoch, in UTC: `2026-11-22 12:04`."""
    when = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return f"{when:%Y-%m-%d %H:%M}"
