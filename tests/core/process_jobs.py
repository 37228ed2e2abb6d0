"""Jobs of worker processes, which import this module by its name."""

import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from cinegan_jax.core.errors import UserError


class Odd(Exception):
    """An exception that can be pickled but not unpickled."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first)
        self.second = second


def run(job: tuple[str, Any]) -> Any:
    """Do a job, which is the name of something to do, and a value."""
    name, value = job
    match name:
        case "return":
            return value
        case "pid":
            return os.getpid()
        case "modules":
            return sorted(sys.modules)
        case "print":
            print("noise on standard output", flush=True)
            os.write(2, b"noise on standard error\n")
        case "abort":
            os.abort()
        case "exit":
            os._exit(value)
        case "open and hang":
            value.open("wb").close()
            threading.Event().wait()
        case "hang":
            threading.Event().wait()
        case "refuse":
            raise UserError(value)
        case "odd":
            raise Odd("first", "second")
        case "fail to write":
            raise OSError(value, os.strerror(value))


def make() -> Callable[[tuple[str, Any]], Any]:
    return run


def make_nothing() -> Callable[[tuple[str, Any]], Any]:
    raise UserError("cannot start")
