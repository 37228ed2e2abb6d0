"""Errors for the user, and recognition of a full disk in errors of any library."""

import errno
from collections.abc import Iterator
from typing import ClassVar

USER_ERROR_EXIT_CODE = 2


class UserError(Exception):
    """A mistake that the user can fix.

    The message names the file or key, shows both values and says what to do. Entry points print the
    message alone, without a traceback, and exit with `exit_code`.
    """

    exit_code: ClassVar[int] = USER_ERROR_EXIT_CODE


def how_to_install(extra: str) -> str:
    """Return the advice for a missing package of one of the project's extras."""
    return f"pip install '.[{extra}]' in the project's folder"


_FULL = (errno.ENOSPC, errno.EDQUOT)
# TensorStore and XLA keep only the text of the system's error.
_FULL_TEXTS = ("ENOSPC", "EDQUOT", "No space left on device", "Disk quota exceeded")


def is_disk_full(error: BaseException) -> bool:
    """Return whether `error`, or an error in its chain or group, reports a full disk."""
    return any(
        (isinstance(e, OSError) and e.errno in _FULL) or any(t in str(e) for t in _FULL_TEXTS)
        for e in _chain(error, set())
    )


def _chain(error: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    yield error
    for inner in (error.__cause__, error.__context__):
        yield from _chain(inner, seen)
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _chain(inner, seen)
