"""Numbers and times as text for people."""

import datetime
import math

_MISSING = "\N{EN DASH}"


def short_number(value: float | None, digits: int = 4) -> str:
    """Format a number with significant digits (`0.01234`, `12.35`, `1.2e-07`); None as a dash."""
    if value is None or math.isnan(value):
        return _MISSING
    if math.isinf(value):
        return "\N{INFINITY}" if value > 0 else "\N{MINUS SIGN}\N{INFINITY}"
    if abs(value) >= 10**digits:
        text = f"{value:,.0f}" if abs(value) < 1e9 else f"{value:.{digits - 1}e}"
    else:
        text = f"{value:.{digits}g}"
    return text.replace("-", "\N{MINUS SIGN}").replace(",", "\N{THIN SPACE}")


def thousands(value: int) -> str:
    """Format a whole number with its thousands separated: `12 345`."""
    return f"{value:,}".replace(",", "\N{THIN SPACE}")


def duration(seconds: float) -> str:
    """Format a duration in its two largest units: `3 h 20 min`, `45 s`."""
    rest = round(seconds)
    parts: list[str] = []
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        amount, rest = divmod(rest, length)
        if amount or (unit == "s" and not parts):
            parts.append(f"{amount} {unit}")
        elif parts:
            break
    return " ".join(parts[:2])


def utc_time(seconds: float) -> str:
    """Format seconds since the epoch as a time in UTC: `2026-11-22 12:04`."""
    when = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return f"{when:%Y-%m-%d %H:%M}"
