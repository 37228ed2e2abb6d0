"""Replacements of the worker process that start fast and misbehave."""

import os
import time
from multiprocessing.connection import Connection

from cinegan_jax.web.jobs import Answer, WorkerInfo
from cinegan_jax.web.limits import ServerLimits


def stuck(pipe: Connection, limits: ServerLimits, weights: tuple[str, ...]) -> None:
    """Start a task and never end it, even if cancelled."""
    pipe.send(("done", WorkerInfo()))
    pipe.recv()
    pipe.send(("share", 0.5))
    time.sleep(600)  # longer than any test; the server kills it


def dying(pipe: Connection, limits: ServerLimits, weights: tuple[str, ...]) -> None:
    """Exit at a task whose photo is empty; complete the others."""
    pipe.send(("done", WorkerInfo()))
    while True:
        task = pipe.recv()
        if not task.photo:
            os._exit(3)
        pipe.send(("done", Answer(task.photo)))


def refusing(pipe: Connection, limits: ServerLimits, weights: tuple[str, ...]) -> None:
    """Fail to start."""
    pipe.send(("refused", "a.safetensors is damaged"))
