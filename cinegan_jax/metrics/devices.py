"""Run functions of images over devices and processes, and gather the results.

Photos differ in size, so no photo is split: each process takes every n-th photo, and each of its
devices the next one that waits. Images of one size run in batches over all devices.
"""

import json
import queue
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from cinegan_jax.core.types import Array

PICTURES = "pictures"
"""The axis of the mesh along which a batch is split."""


class OnDevices:
    """`function(constants, *pictures)`, for any number of pictures of one size at a time.

    Pictures go through in batches of one size, so that one program is compiled whatever their
    number; the last batch is filled up with copies, and what they give is dropped. Each device
    works on its part of a batch without a word to the others, so their number changes nothing.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        constants: Any = None,
        *,
        per_device: int = 8,
        devices: Sequence[jax.Device] | None = None,
    ):
        """Compiles nothing yet.

        Args:
            function: takes `constants` and arrays [n, ...], gives a tree of arrays [n, ...] whose
                rows each depend on their own pictures alone.
            constants: arrays that every device holds whole, such as a network's parameters.
            per_device: pictures that a device gets of a batch.
            devices: to take the place of all those of this process.
        """
        devices = list(devices or jax.local_devices())
        mesh = Mesh(np.array(devices), (PICTURES,))
        whole, split = PartitionSpec(), PartitionSpec(PICTURES)
        self.batch_size = per_device * len(devices)
        self._constants = jax.device_put(constants, NamedSharding(mesh, whole))
        self._split = NamedSharding(mesh, split)

        @jax.jit
        def run(constants: Any, pictures: tuple[jax.Array, ...]) -> Any:
            return jax.shard_map(
                lambda constants, pictures: function(constants, *pictures),
                mesh=mesh,
                in_specs=(whole, split),
                out_specs=split,
                check_vma=False,
            )(constants, pictures)

        self._run = run

    def __call__(self, *pictures: Array) -> Any:
        """The function's results on the host.

        Args:
            pictures: each [n, ...], with one and the same n of 1 or more.

        Returns:
            A tree of numpy arrays [n, ...].
        """
        count = len(pictures[0])
        parts = []
        for start in range(0, count, self.batch_size):
            batch = tuple(self._batch(array, start) for array in pictures)
            parts.append(jax.device_get(self._run(self._constants, batch)))
        return jax.tree.map(lambda *arrays: np.concatenate(arrays)[:count], *parts)

    def _batch(self, array: Array, start: int) -> jax.Array:
        """The rows from `start` on, filled up with copies of the last one."""
        rows = np.minimum(np.arange(start, start + self.batch_size), len(array) - 1)
        return jax.device_put(array[rows], self._split)


Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 2
"""Scores for each device that may wait for their turn, so that memory stays bounded."""
PIECE = 1 << 20
"""Bytes of each process that a device holds at a time while they are gathered."""


def own_indices(count: int) -> range:
    """Which of `count` photos this process scores: by index modulo the number of processes."""
    return range(jax.process_index(), count, jax.process_count())


def map_on_devices(
    score: Callable[[Item], Result],
    items: Iterable[Item],
    devices: Sequence[jax.Device] | None = None,
) -> Iterator[Result]:
    """The score of each item, in the order of the items; each device works on one at a time.

    Args:
        score: called in a thread whose default device is the free one. Programs are compiled once
            for each device.
        devices: to take the place of all those of this process.

    Raises:
        Exception: what `score` raised, in the turn of its item; no further ones are begun.
    """
    devices = devices or jax.local_devices()
    free: queue.SimpleQueue[jax.Device] = queue.SimpleQueue()
    for device in devices:
        free.put(device)

    def score_on_free_device(item: Item) -> Result:
        device = free.get()
        try:
            with jax.default_device(device):
                return score(item)
        finally:
            free.put(device)

    begun: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(len(devices)) as threads:
        try:
            for item in items:
                begun.append(threads.submit(score_on_free_device, item))
                if len(begun) > AHEAD * len(devices):
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            for future in begun:
                future.cancel()


def gather_rows(rows: Mapping[int, Any]) -> dict[int, Any]:
    """The rows of all processes in the order of their photos' indices; all processes must ask.

    Args:
        rows: what this process has to say of a photo, by the photo's index. A row is whatever JSON
            can hold, NaN and infinity included, and comes back as JSON gives it: tuples as lists.
            Numbers keep every bit.
    """
    gathered: dict[int, Any] = {}
    for text in gather_bytes(json.dumps(list(rows.items())).encode()):
        gathered.update(json.loads(text))
    return dict(sorted(gathered.items()))


def gather_bytes(content: bytes) -> list[bytes]:
    """What each process brings, in the order of the processes; all of them must ask.

    Bytes, since arrays on a device would lose the lower half of each float64.
    """
    lengths = _gather(np.array([len(content)], np.int64).view(np.uint8)).view(np.int64)[:, 0]
    padded = np.zeros(-(-int(lengths.max()) // PIECE) * PIECE, np.uint8)
    padded[: len(content)] = np.frombuffer(content, np.uint8)
    pieces = [_gather(piece) for piece in padded.reshape(-1, PIECE)]
    whole = np.concatenate(pieces, axis=1) if pieces else np.zeros((len(lengths), 0), np.uint8)
    return [row[:length].tobytes() for row, length in zip(whole, lengths, strict=True)]


def _gather(array: np.ndarray) -> np.ndarray:
    """uint8 [n] of each process as [processes, n]."""
    return np.asarray(multihost_utils.process_allgather(array))
