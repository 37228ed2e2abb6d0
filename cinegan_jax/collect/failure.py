"""Why an address gave nothing."""


class Failure(Exception):
    """Nothing will come of the address as it is now; the text says why."""


class Passing(Failure):
    """The same request may succeed later.

    Attributes:
      host: who answered so, or did not answer.
      retry_after: seconds to wait, where the server says so.
    """

    def __init__(self, reason: str, host: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.host, self.retry_after = host, retry_after


class PartRefused(Passing):
    """The part of a file that was asked for is not to be had; the whole may be."""


class Stopped(Exception):
    """The command ends before this address is done."""


def unforeseen(error: Exception) -> str:
    """The reason where a library fails as nobody foresaw: one address must not end the command."""
    return f"unforeseen, please report it: {type(error).__name__}: {error}"
