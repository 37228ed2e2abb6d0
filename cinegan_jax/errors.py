"""The error that a person reads."""

from typing import ClassVar

USER_ERROR_EXIT_CODE = 2


class UserError(Exception):
    """Something the user can mend.

    The text names the file or key, shows both values and says what to do.

    Entry points print the text alone, without a traceback, and exit with `exit_code`.
    """

    exit_code: ClassVar[int] = USER_ERROR_EXIT_CODE


def how_to_install(extra: str) -> str:
    """What to do where a package of one of the project's extras is missing."""
    return f"pip install '.[{extra}]' in the project's folder"
