"""Writes shards in several processes, and stops them all when one fails or the parent goes."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import SpawnContext
from pathlib import Path
from signal import SIG_IGN, SIGINT, signal

from cinegan_jax.core.errors import UserError
from cinegan_jax.prepare.plan import Settings, ShardPlan
from cinegan_jax.prepare.shard_writer import ShardReport, ShardWriter

_POLL_SECONDS = 0.2


def write_shards(
    shards: Sequence[ShardPlan],
    settings: Settings,
    out: Path,
    jobs: int,
    tell: Callable[[int], None],
) -> Iterator[ShardReport]:
    """Writes shards and yields the report of each as it is finished, in any order.

    Args:
      shards: what to write.
      settings: how to prepare the photos.
      out: the folder.
      jobs: processes; 1 works in this one.
      tell: called in this process with the number of photos done so far.

    Raises:
      UserError: a shard could not be written, or a process was killed. Shards under way are then
        dropped.
    """
    jobs = min(jobs, len(shards))
    context = multiprocessing.get_context("spawn")  # forking beside threads can hang
    tally = _Tally(context)
    if jobs <= 1:
        writer = ShardWriter(settings, out, lambda: tell(tally.advance()))
        yield from map(writer.write, shards)
        return
    pool = ProcessPoolExecutor(
        jobs, context, initializer=_start_worker, initargs=(settings, out, tally)
    )
    try:
        waiting = {pool.submit(_write, shard) for shard in shards}
        while waiting:
            done, waiting = wait(waiting, _POLL_SECONDS, FIRST_COMPLETED)
            yield from (future.result() for future in done)
            tell(tally.done)
    except BrokenProcessPool as error:
        raise UserError(
            f"a worker process was killed, perhaps for want of memory: try fewer --jobs than {jobs}"
        ) from error
    finally:
        tally.stop()
        pool.shutdown(cancel_futures=True)


class _Stopped(Exception):
    """The other processes have stopped."""


class _Tally:
    """Counts photos over processes, and tells them all to stop; passed to them as they start."""

    def __init__(self, context: SpawnContext):
        self._done = context.Value("q", 0)
        self._stop = context.Event()

    @property
    def done(self) -> int:
        return self._done.value

    def advance(self) -> int:
        if self._stop.is_set():
            raise _Stopped
        with self._done.get_lock():
            self._done.value += 1
            return self._done.value

    def stop(self) -> None:
        self._stop.set()


_writer: ShardWriter  # of a worker process


def _start_worker(settings: Settings, out: Path, tally: _Tally) -> None:
    global _writer
    signal(SIGINT, SIG_IGN)  # Ctrl-C reaches the parent, which stops the workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _writer = ShardWriter(settings, out, tally.advance)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _write(shard: ShardPlan) -> ShardReport:
    return _writer.write(shard)
