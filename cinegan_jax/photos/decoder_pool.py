"""Decoding for several threads, in processes that may crash or hang."""

import queue
from collections.abc import Iterator
from contextlib import contextmanager

from cinegan_jax.photos.photo_process import PhotoProcess


class DecoderPool:
    """Processes that decode image files: as many as threads use the pool at once."""

    def __init__(self) -> None:
        """Create the pool without starting a process."""
        self._idle: queue.LifoQueue[PhotoProcess] = queue.LifoQueue()

    @contextmanager
    def process(self) -> Iterator[PhotoProcess]:
        """Lend a process to this thread."""
        try:
            process = self._idle.get_nowait()
        except queue.Empty:
            process = PhotoProcess()
        try:
            yield process
        finally:
            self._idle.put(process)

    def close(self) -> None:
        """End the processes, none of which may be in use."""
        while not self._idle.empty():
            self._idle.get().close()
