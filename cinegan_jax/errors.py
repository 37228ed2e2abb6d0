"""The error that a person reads."""

USER_ERROR_EXIT_CODE = 2


class UserError(Exception):
    """Something the user can mend.

    The text names the file or key, shows both values and says what to do.

    Entry points print the text alone, without a traceback, and exit with code 2.
    """


def how_to_install(extra: str) -> str:
    """What to do where a package of one of the project's extras is missing."""
    return f"pip install '.[{extra}]' in the project's folder"
