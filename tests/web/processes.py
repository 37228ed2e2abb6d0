"""Replacements of the web worker: processes that start fast and misbehave."""

import os
import time
from multiprocessing.connection import Connection

from cinegan_jax.web.jobs import Answer, WorkerInfo
from cinegan_jax.web.limits import ServerLimits


def stuck(pipe: Connection, limits: ServerLimits, weights: tuple[str, ...]) -> None:
    """Begin a task and never end it, whatever the server asks."""
    pipe.send(("done", WorkerInfo()))
    pipe.recv()
    pipe.send(("share", 0.5))
    time.sleep(600)  # longer than any test; the server kills it


def dying(pipe: Connection, limits: ServerLimits, weights: tuple[str, ...]) -> None:
    """Ends by itself at a task whose photo is empty; does the others."""
    pipe.send(("done", WorkerInfo()))
    while True:
        task = pipe.recv()
        if not task.photo:
            os._exit(3)
        pipe.send(("done", Answer(task.photo)))


def refusing(pipe: Connection, limits: ServerLimits, weights: tuple[str, ...]) -> None:
    """Cannot start."""
    pipe.send(("refused", "a.safetensors is damaged"))
