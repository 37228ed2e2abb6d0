"""History of a run: its starts and restarts, and the alarms raised."""

import dataclasses
import struct
from collections.abc import Iterator, Mapping
from typing import IO, Any, Literal, NamedTuple

from etils import epath
from google.protobuf.message import DecodeError
from tensorboardX.proto.event_pb2 import Event, SessionLog

DONE = {
    "none": "warned",
    "lower_rate": "learning rate lowered",
    "rollback": "went back to a healthy checkpoint",
    "stop": "run stopped",
}
"""What an alarm did, by its action."""


class Evidence(NamedTuple):
    """A diagnostic beyond its limit."""

    diagnostic: str
    value: Any
    """A number, where the line is in order, as the limit is."""
    limit: Any
    """None where the line has none."""


@dataclasses.dataclass(frozen=True)
class Alarm:
    """One alarm, in words."""

    step: int
    rule: str
    kind: Literal["warn", "act"]
    message: str
    evidence: tuple[Evidence, ...]
    action: str

    @property
    def done(self) -> str:
        """What it did."""
        return DONE.get(self.action, self.action)


def read_alarm(record: Mapping[str, Any]) -> Alarm:
    """An alarm from its line of `health.jsonl`; what it lacks stays empty."""
    values, limits = (_mapping(record, name) for name in ("evidence", "limits"))
    return Alarm(
        step=record["step"],
        rule=str(record.get("rule", "unnamed")),
        kind="act" if record.get("severity") == "act" else "warn",
        message=str(record.get("message", "")),
        evidence=tuple(Evidence(name, value, limits.get(name)) for name, value in values.items()),
        action=str(record.get("action", "none")),
    )


def _mapping(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = record.get(name)
    return found if isinstance(found, dict) else {}


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
