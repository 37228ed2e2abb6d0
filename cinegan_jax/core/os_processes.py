"""Processes of this machine: their age, and whether one that is named in a file still runs."""

import os
import socket
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_IMPORTED = time.monotonic()


@dataclass(frozen=True)
class ProcessName:
    """One process among those of all machines, also of the past.

    Attributes:
      host: name of its machine.
      machine: what only processes share that see each other's numbers: one start of the system,
        and one container.
      pid: number of the process.
      started: the system's count of time when it started; empty where the system tells none. Other
        processes get the same number later.
    """

    host: str
    machine: str
    pid: int
    started: str


def this_process() -> ProcessName:
    """Return the name of this process."""
    pid = os.getpid()
    return ProcessName(socket.gethostname(), _machine(), pid, _stat(pid)[1])


def has_ended(process: ProcessName) -> bool | None:
    """Return whether a process has ended; None where it is on another machine."""
    if (process.host, process.machine) != (socket.gethostname(), _machine()):
        return None
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # it runs, as another user's
    state, started = _stat(process.pid)
    return state == "Z" or started != process.started


def seconds_since_start() -> float:
    """Return the age of this process; where the system does not tell it, since the import."""
    started = _stat(os.getpid())[1]
    if not started:
        return time.monotonic() - _IMPORTED
    up = float((_PROC / "uptime").read_text().split()[0])
    return max(0.0, up - int(started) / os.sysconf("SC_CLK_TCK"))


def _machine() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink(_PROC / 'self/ns/pid')}"
    except OSError:
        return f"{uuid.getnode():x}"


def _stat(pid: int) -> tuple[str, str]:
    """Return the state and the time of start of a process, both empty where they are unknown."""
    try:
        # The second field is the name in parentheses, which may hold spaces.
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "", ""
    return fields[0], fields[19]
