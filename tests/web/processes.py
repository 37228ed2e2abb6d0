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
    pipe.send(("decoded", None))
    pipe.send(("share", 0.5))
    time.sleep(600)  # longer than any test; the server kills it


def endless(pipe: Connection, limits: ServerLimits, weights: tuple[str, ...]) -> None:
    """Decode a photo and never end."""
    pipe.send(("done", WorkerInfo()))
    pipe.recv()
    time.sleep(600)


def greedy_decoder(pipe: Connection, limits: ServerLimits, weights: tuple[str, ...]) -> None:
    """Take more memory than allowed while decoding."""
    pipe.send(("done", WorkerInfo()))
    pipe.recv()
    _fill_memory(limits)


def greedy(pipe: Connection, limits: ServerLimits, weights: tuple[str, ...]) -> None:
    """Take more memory than allowed while developing."""
    pipe.send(("done", WorkerInfo()))
    pipe.recv()
    pipe.send(("decoded", None))
    _fill_memory(limits)


def _fill_memory(limits: ServerLimits) -> None:
    filled = bytearray(b"x") * limits.memory_bytes
    time.sleep(600)  # longer than any test; the server kills it
    del filled


def dying(pipe: Connection, limits: ServerLimits, weights: tuple[str, ...]) -> None:
    """Exit at a task without a photo; complete the others."""
    pipe.send(("done", WorkerInfo()))
    while True:
        task = pipe.recv()
        if not getattr(task, "photo", b""):
            os._exit(3)
        pipe.send(("decoded", None))
        pipe.send(("done", Answer(task.photo)))


def refusing(pipe: Connection, limits: ServerLimits, weights: tuple[str, ...]) -> None:
    """Fail to start."""
    pipe.send(("refused", "a.safetensors is damaged"))
