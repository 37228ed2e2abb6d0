"""Durations as users write them: `8h30m`, `45m`, `90s`, or a number of seconds."""

import re

from cinegan_jax.core.errors import UserError

_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_PARTS = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", re.ASCII)


def parse_duration(text: str) -> int:
    """Return a duration in seconds.

    Args:
      text: days, hours, minutes and seconds in this order, each at most once, such as `8h30m` or
        `1d`; a number without a unit counts seconds.

    Raises:
      UserError: the text is not of this form, or the duration is zero.
    """
    found = _PARTS.fullmatch(text.strip())
    parts = found.groups(default="0") if found else ()
    units = _SECONDS.values()
    seconds = sum(int(part) * unit for part, unit in zip(parts, units, strict=False))
    if not seconds:
        raise UserError("must be a duration such as 8h30m, 45m, 90s or 3600 (seconds)")
    return seconds
