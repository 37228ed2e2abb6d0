"""What may run in the worker's place: processes that start fast and misbehave."""

import os
import time
from multiprocessing.connection import Connection

from cinegan_jax.web.limits import Limits
from cinegan_jax.web.tasks import Answer, Hello


def stuck(pipe: Connection, limits: Limits, weights: tuple[str, ...]) -> None:
    """Begins a task and never ends it, whatever it is told."""
    pipe.send(("done", Hello()))
    pipe.recv()
    pipe.send(("share", 0.5))
    time.sleep(60)


def dying(pipe: Connection, limits: Limits, weights: tuple[str, ...]) -> None:
    """Ends by itself at a task whose photo is empty; does the others."""
    pipe.send(("done", Hello()))
    while True:
        task = pipe.recv()
        if not task.photo:
            os._exit(3)
        pipe.send(("done", Answer(task.photo)))


def refusing(pipe: Connection, limits: Limits, weights: tuple[str, ...]) -> None:
    """Cannot start."""
    pipe.send(("refused", "a.safetensors is damaged"))
