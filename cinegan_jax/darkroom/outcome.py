"""What became of each photo of a batch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Status = Literal["done", "skipped", "failed"]


@dataclass(frozen=True)
class Outcome:
    """One photo's end.

    Attributes:
      photo: as it was named on the command line or found in a folder.
      status: done; skipped, where nothing was to be done; failed.
      reason: why it was skipped or failed, for people.
      result: the file that was written.
      notes: what a person should know of the result, such as frames left out.
      ends_batch: whether the photos after it would meet the same, as on a full disk.
    """

    photo: Path
    status: Status
    reason: str = ""
    result: Path | None = None
    notes: tuple[str, ...] = ()
    ends_batch: bool = False


def printable(path: Path | str) -> str:
    """A name as one line of text: what could break or disguise a line is escaped.

    Those are control characters, bytes that are no UTF-8, and invisible characters other than the
    joiner that emoji are made with.
    """
    return "".join(
        c if c.isprintable() or c == "\u200d" else c.encode("unicode_escape").decode()
        for c in str(path)
    )
