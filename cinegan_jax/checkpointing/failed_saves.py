"""Reports that libraries make of a failed save; `Checkpoints` reports it in one line instead.

Orbax logs a traceback in each of its threads, and asyncio one for each other write that failed too.
Where the first failed write ends an event loop, each write that TensorStore then finishes prints a
traceback, since the loop is closed: hundreds of lines.
"""

import logging as std_logging
import sys
import traceback
from collections.abc import Callable
from typing import Any

from absl import logging

_ORBAX = "/orbax/"


def leave_reports_to_checkpoints() -> None:
    """Drop what Orbax and TensorStore print of failed saves, for the rest of the process.

    The errors themselves are raised as before.
    """
    logging.get_absl_logger().addFilter(_is_news)
    std_logging.getLogger("asyncio").addFilter(_is_from_elsewhere)
    if not isinstance(sys.unraisablehook, _WithoutClosedLoops):
        sys.unraisablehook = _WithoutClosedLoops(sys.unraisablehook)


def _is_news(record: std_logging.LogRecord) -> bool:
    """Return False for Orbax's tracebacks, and for its notes on steps without `best_metric`."""
    is_orbax = _ORBAX in record.pathname
    note = "did not provide metrics" in record.getMessage()
    return not (is_orbax and (record.exc_info or note))


def _is_from_elsewhere(record: std_logging.LogRecord) -> bool:
    """Return False for a task of Orbax that failed."""
    if not record.exc_info or record.exc_info[2] is None:
        return True
    frames = traceback.extract_tb(record.exc_info[2])
    return not any(_ORBAX in frame.filename for frame in frames)


class _WithoutClosedLoops:
    """Hook for errors in callbacks that leaves out those of writes whose event loop is closed."""

    def __init__(self, before: Callable[[Any], object]) -> None:
        self._before = before

    def __call__(self, unraisable: Any) -> None:
        error = unraisable.exc_value
        if isinstance(error, RuntimeError) and str(error) == "Event loop is closed":
            return
        self._before(unraisable)
