"""Ask the training loop to save and stop when the machine is about to be taken away."""

import os
import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Any, Self

import jax
from absl import logging
from jax.experimental import multihost_utils

from cinegan_jax.training.time_limit import TimeLimit

PREEMPTED_EXIT_CODE = 75
"""Exit code after SIGTERM: sysexits' EX_TEMPFAIL, "start me again"."""

INTERRUPTED_EXIT_CODE = 130
"""Exit code after Ctrl-C: the shell's 128 + SIGINT."""


class PreemptionGuard:
    """A context in which SIGTERM and the first Ctrl-C ask for a stop instead of killing.

    A process alone catches the signals itself. Where `jax.distributed` is initialised, JAX's own
    service holds SIGTERM and brings all processes to the same step, however often and to however
    many it is sent; a handler of ours would silence it, so none is installed, and Ctrl-C is passed
    on as SIGTERM. A second Ctrl-C kills at once; in a notebook or an interactive Python, which must
    survive it, it raises KeyboardInterrupt.

    Enter it in the main thread; in another thread, where Python forbids handlers of signals, it
    catches none. Leaving it puts the old handlers back.

    Args:
      limit: asks for a stop like SIGTERM, in time for the save. Of several processes, that of the
        first one holds for all.
    """

    def __init__(self, limit: TimeLimit | None = None) -> None:
        self._limit = limit
        self._distributed = jax.distributed.is_initialized()
        self._received: int | None = None
        self._old_handlers: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is not threading.main_thread():
            return self
        numbers = [signal.SIGINT] if self._distributed else [signal.SIGINT, signal.SIGTERM]
        for number in numbers:
            self._old_handlers[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._old_handlers.items():
            signal.signal(number, handler)
        self._old_handlers.clear()

    def should_stop(self, step: int, save_seconds: float | None = None) -> bool:
        """True when the run must save `step` and leave; call it once after every step.

        With several processes, every one calls it with the same steps and gets the same answer:
        True at one step that all have yet to reach.

        Args:
          step: number of steps taken.
          save_seconds: length of the longest save so far; None before the first.
        """
        if self._is_out_of_time(save_seconds):
            self._limit = None
            self._stop_for_time()
        if self._distributed:
            if not multihost_utils.reached_preemption_sync_point(step):
                return False
            self._received = self._received or signal.SIGTERM
        if self._received is None:
            return False
        logging.warning("%s: stopping after step %d.", signal.Signals(self._received).name, step)
        return True

    @property
    def exit_code(self) -> int:
        """The code to exit with after a stop."""
        if self._received == signal.SIGINT:
            return INTERRUPTED_EXIT_CODE
        return PREEMPTED_EXIT_CODE

    def _is_out_of_time(self, save_seconds: float | None) -> bool:
        if self._limit is None or jax.process_index() != 0:
            return False
        return self._limit.is_reached(save_seconds)

    def _stop_for_time(self) -> None:
        logging.warning("The time of stop_after ends: the run saves a checkpoint and stops.")
        if self._distributed:
            os.kill(os.getpid(), signal.SIGTERM)  # JAX's service passes it on to all
        else:
            self._received = self._received or signal.SIGTERM

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._received = number  # nothing is logged here: the signal may have cut into a write
        interactive = hasattr(sys, "ps1")
        signal.signal(signal.SIGINT, signal.default_int_handler if interactive else signal.SIG_DFL)
        if self._distributed:
            os.kill(os.getpid(), signal.SIGTERM)
