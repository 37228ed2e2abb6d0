"""`cinegan serve` as a process of its own."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Command:
    """A running server: its address and its process."""

    address: str
    process: subprocess.Popen[str]

    def memory(self) -> tuple[int, int]:
        """Return the resident MiB of the server and of its worker."""
        pid = self.process.pid
        (worker,) = (
            child
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text()
        )
        return _resident(pid), _resident(worker)


@contextlib.contextmanager
def started(*flags: str) -> Iterator[Command]:
    """Start the command on a free port, with the XLA flags of users; stop it like Ctrl-C."""
    command = [sys.executable, "-m", "cinegan_jax.cli", "serve", "--port=0", *flags]
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            yield Command(re.search(r"http://[\d.:]+", line)[0], process)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)


def _resident(pid: object) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) // 1024
