"""The times at which a run was started, as TensorBoard's event files tell."""

import dataclasses
import struct
from collections.abc import Iterator
from typing import IO

from etils import epath
from google.protobuf.message import DecodeError
from tensorboardX.proto.event_pb2 import Event, SessionLog

_PATTERN = "events.out.tfevents.*"
_LENGTH = struct.Struct("<Q")
_CHECKSUM = 4
_FIRST = 2
"""Events of a file: its format, and where a process begins, that."""


@dataclasses.dataclass(frozen=True)
class Start:
    """One process of a run."""

    step: int
    """The one it went on from; 0 in a new run."""
    begun: float
    """In seconds since the epoch."""
    ended: float
    """When it last wrote."""


def read_starts(folder: epath.Path) -> tuple[Start, ...]:
    """The starts of a run from `WORKDIR/tensorboard`, in order; none without that folder."""
    if not folder.is_dir():
        return ()
    starts: list[Start] = []
    for path in sorted(folder.glob(_PATTERN), key=lambda path: path.name):
        written = float(path.stat().mtime)
        found = _start(path)
        if found:
            starts.append(Start(max(found.step - 1, 0), found.wall_time, written))
        elif starts:  # the same process went on in another file
            starts[-1] = dataclasses.replace(starts[-1], ended=written)
    return tuple(starts)


def _start(path: epath.Path) -> Event | None:
    with path.open("rb") as file:
        for event in _first_events(file):
            if event.session_log.status == SessionLog.START:
                return event
    return None


def _first_events(file: IO[bytes]) -> Iterator[Event]:
    """Events of a TFRecord file: length, its checksum, the event, its checksum."""
    for _ in range(_FIRST):
        head = file.read(_LENGTH.size + _CHECKSUM)
        if len(head) < _LENGTH.size + _CHECKSUM:
            return
        (length,) = _LENGTH.unpack_from(head)
        try:
            yield Event.FromString(file.read(min(length, 2**16)))
        except DecodeError:
            return
        file.read(_CHECKSUM)
