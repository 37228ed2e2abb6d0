"""Replacement of the jobs of `PhotoProcess`, which crash or hang at files of certain names."""

import os
import threading
from typing import Any

from cinegan_jax.photos import photo_process

_Desk = photo_process._Desk  # as it is before a test replaces it


class CrashingDesk(_Desk):
    """Jobs that read and write photos, and crash at some.

    The name of a file begins with the job, `probe`, `read`, `write` or `decode`, and with what
    happens at it: `crash`; `hang`; or `spoil`, which lets the next job crash, as a heap that a
    decoder has damaged does.
    """

    def __init__(self) -> None:
        super().__init__()
        self._spoilt = False

    def __call__(self, job: Any) -> Any:
        path = job.result if isinstance(job, photo_process._Write) else job.path
        if self._spoilt:
            os.abort()
        name = type(job).__name__.strip("_").lower()
        if path.name.startswith(f"{name}_crash"):
            os.abort()
        if path.name.startswith(f"{name}_hang"):
            threading.Event().wait()
        self._spoilt = path.name.startswith(f"{name}_spoil")
        return super().__call__(job)
