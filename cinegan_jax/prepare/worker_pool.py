"""Write shards in several processes; stop all of them if one fails or the parent ends."""

import contextlib
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
from cinegan_jax.prepare.plan import PlannedShard
from cinegan_jax.prepare.settings import PrepareSettings
from cinegan_jax.prepare.shard_writer import ShardReport, ShardWriter

_POLL_SECONDS = 0.2


def write_shards(
    shards: Sequence[PlannedShard],
    settings: PrepareSettings,
    out: Path,
    jobs: int,
    report_done: Callable[[int], None],
) -> Iterator[ShardReport]:
    """Write shards; yield the report of each one when it is finished, in any order.

    Args:
      shards: the shards to write.
      settings: how to prepare the photos.
      out: output folder.
      jobs: number of processes; 1 works in this process.
      report_done: called in this process with the number of photos done so far.

    Raises:
      UserError: a shard could not be written, or a process was killed. Unfinished shards are
        dropped.
    """
    jobs = min(jobs, len(shards))
    context = multiprocessing.get_context("spawn")  # forking a process with threads can hang
    tally = _Tally(context)
    if jobs <= 1:
        writer = ShardWriter(settings, out, lambda: report_done(tally.advance()))
        with contextlib.closing(writer):
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
            report_done(tally.done)
    except BrokenProcessPool as error:
        raise UserError(
            f"a worker process was killed: run the same command again; fewer --jobs than {jobs} "
            "need less memory"
        ) from error
    finally:
        tally.stop()
        pool.shutdown(cancel_futures=True)


class _Stopped(Exception):
    """The other processes have stopped."""


class _Tally:
    """Count of photos over all processes, and a flag that stops them."""

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


_writer: ShardWriter
"""Writer of this worker process."""


def _start_worker(settings: PrepareSettings, out: Path, tally: _Tally) -> None:
    global _writer
    signal(SIGINT, SIG_IGN)  # Ctrl-C reaches the parent, which stops the workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _writer = ShardWriter(settings, out, tally.advance)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _write(shard: PlannedShard) -> ShardReport:
    return _writer.write(shard)
