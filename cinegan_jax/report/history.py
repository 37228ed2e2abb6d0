"""History of a run: its starts and restarts, and its alarms."""

import dataclasses
import struct
from collections.abc import Iterator, Mapping
from typing import IO, Any, Literal, NamedTuple

from etils import epath
from google.protobuf.message import DecodeError
from tensorboardX.proto.event_pb2 import Event, SessionLog

_ACTIONS = {
    "none": "warned",
    "lower_rate": "learning rate lowered",
    "rollback": "went back to a healthy checkpoint",
    "stop": "run stopped",
}
"""Description of an alarm's action."""

_EVENT_FILES = "events.out.tfevents.*"
_LENGTH = struct.Struct("<Q")
_CHECKSUM_BYTES = 4
_FIRST_EVENTS = 2
"""Events of a file that are read: its format and, where a process begins, its start."""


class Evidence(NamedTuple):
    """A diagnostic that exceeded its limit."""

    diagnostic: str
    value: Any
    """A number if the record is valid, as is the limit."""
    limit: Any
    """None where the record has none."""


@dataclasses.dataclass(frozen=True)
class AlarmRecord:
    """One alarm, as `health.jsonl` records it."""

    step: int
    rule: str
    kind: Literal["warn", "act"]
    message: str
    evidence: tuple[Evidence, ...]
    action: str

    @property
    def done(self) -> str:
        """Description of the action taken."""
        return _ACTIONS.get(self.action, self.action)


def read_alarm(record: Mapping[str, Any]) -> AlarmRecord:
    """Return the alarm of a record of `health.jsonl`; missing parts stay empty."""
    values, limits = (_mapping(record, name) for name in ("evidence", "limits"))
    return AlarmRecord(
        step=record["step"],
        rule=str(record.get("rule", "unnamed")),
        kind="act" if record.get("severity") == "act" else "warn",
        message=str(record.get("message", "")),
        evidence=tuple(Evidence(name, value, limits.get(name)) for name, value in values.items()),
        action=str(record.get("action", "none")),
    )


@dataclasses.dataclass(frozen=True)
class ProcessStart:
    """One process of a run."""

    step: int
    """The step it continued from; 0 in a new run."""
    begun: float
    """When it began, in seconds since the epoch."""
    ended: float
    """When it last wrote."""


def read_starts(folder: epath.Path) -> tuple[ProcessStart, ...]:
    """Read the starts of a run from `WORKDIR/tensorboard`, in order; none without that folder."""
    if not folder.is_dir():
        return ()
    starts: list[ProcessStart] = []
    for path in sorted(folder.glob(_EVENT_FILES), key=lambda path: path.name):
        written = float(path.stat().mtime)
        found = _start_event(path)
        if found:
            starts.append(ProcessStart(max(found.step - 1, 0), found.wall_time, written))
        elif starts:  # the same process continued in another file
            starts[-1] = dataclasses.replace(starts[-1], ended=written)
    return tuple(starts)


def _mapping(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = record.get(name)
    return found if isinstance(found, dict) else {}


def _start_event(path: epath.Path) -> Event | None:
    with path.open("rb") as file:
        for event in _first_events(file):
            if event.session_log.status == SessionLog.START:
                return event
    return None


def _first_events(file: IO[bytes]) -> Iterator[Event]:
    """Yield the first events of a TFRecord file: length, its checksum, the event, its checksum."""
    for _ in range(_FIRST_EVENTS):
        head = file.read(_LENGTH.size + _CHECKSUM_BYTES)
        if len(head) < _LENGTH.size + _CHECKSUM_BYTES:
            return
        (length,) = _LENGTH.unpack_from(head)
        try:
            yield Event.FromString(file.read(min(length, 2**16)))
        except DecodeError:
            return
        file.read(_CHECKSUM_BYTES)
