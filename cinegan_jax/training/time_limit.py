"""Limit of a run's time, with a margin in which its last step can be saved."""

import time
from typing import Self

from cinegan_jax.core.durations import parse_duration

_UNKNOWN_SAVE_SECONDS = 30.0
"""Taken for the length of a save before the first one is done."""


class TimeLimit:
    """Tells when a run must stop to be saved within its time.

    Times are those of a clock that is never set.

    Args:
      seconds: of the run.
      elapsed: seconds of them that are over already.
    """

    def __init__(self, seconds: float, elapsed: float = 0.0) -> None:
        self._end = time.monotonic() + seconds - elapsed
        self._before: float | None = None
        self._longest_step = 0.0

    @classmethod
    def of(cls, stop_after: str, elapsed: float = 0.0) -> Self | None:
        """Return the limit that `config.stop_after` sets; None where it is empty."""
        return cls(parse_duration(stop_after), elapsed) if stop_after else None

    def is_reached(self, save_seconds: float | None) -> bool:
        """Return whether to stop; call it once after each step.

        The margin is two saves and three steps, each the longest so far. The first step, which is
        compiled, does not count.

        Args:
          save_seconds: length of the longest save so far; None before the first.
        """
        now = time.monotonic()
        if self._before is not None:
            self._longest_step = max(self._longest_step, now - self._before)
        self._before = now
        save = _UNKNOWN_SAVE_SECONDS if save_seconds is None else 2 * save_seconds
        return now + 3 * self._longest_step + save >= self._end
