"""Run functions of images over devices and processes, and gather the results.

Images of one size run in batches over all devices (`OnDevices`). Photos of different sizes are not
split: each process takes every n-th photo, and each of its devices the next one that waits
(`map_on_devices`).
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

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_BATCH_AXIS = "images"
"""Mesh axis along which a batch is split."""
_AHEAD = 2
"""Finished scores per device that may wait for their turn, so that memory stays bounded."""
_PIECE = 1 << 20
"""Bytes of each process that a device holds at a time while they are gathered."""


class OnDevices:
    """Function `function(constants, *images)` for any number of images of one size.

    Batches have one size, so that one program is compiled whatever the number of images. The last
    batch is filled up with copies, whose results are dropped. Devices do not communicate, so that
    their number does not change the results.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        constants: Any = None,
        *,
        per_device: int = 8,
        devices: Sequence[jax.Device] | None = None,
    ):
        """Place the constants on the devices; compilation happens at the first call.

        Args:
            function: takes `constants` and arrays [n, ...] and returns a tree of arrays [n, ...]
                whose rows depend on the images of the same row only.
            constants: arrays that every device holds whole, such as a network's parameters.
            per_device: images of a batch on each device.
            devices: to use instead of all devices of this process.
        """
        devices = list(devices or jax.local_devices())
        mesh = Mesh(np.array(devices), (_BATCH_AXIS,))
        whole, split = PartitionSpec(), PartitionSpec(_BATCH_AXIS)
        self.batch_size = per_device * len(devices)
        self._constants = jax.device_put(constants, NamedSharding(mesh, whole))
        self._split = NamedSharding(mesh, split)

        @jax.jit
        def run(constants: Any, images: tuple[jax.Array, ...]) -> Any:
            return jax.shard_map(
                lambda constants, images: function(constants, *images),
                mesh=mesh,
                in_specs=(whole, split),
                out_specs=split,
                check_vma=False,
            )(constants, images)

        self._run = run

    def __call__(self, *images: Array) -> Any:
        """Return the function's results, on the host.

        Args:
            images: each [n, ...], with the same n of 1 or more.

        Returns:
            A tree of numpy arrays [n, ...].
        """
        count = len(images[0])
        parts = []
        for start in range(0, count, self.batch_size):
            batch = tuple(self._batch(array, start) for array in images)
            parts.append(jax.device_get(self._run(self._constants, batch)))
        return jax.tree.map(lambda *arrays: np.concatenate(arrays)[:count], *parts)

    def _batch(self, array: Array, start: int) -> jax.Array:
        """Return a batch of rows from `start`, filled up with copies of the last row."""
        rows = np.minimum(np.arange(start, start + self.batch_size), len(array) - 1)
        return jax.device_put(array[rows], self._split)


def own_indices(count: int) -> range:
    """Return the photos of `count` that this process scores: index modulo number of processes."""
    return range(jax.process_index(), count, jax.process_count())


def map_on_devices(
    score: Callable[[_Item], _Result],
    items: Iterable[_Item],
    devices: Sequence[jax.Device] | None = None,
) -> Iterator[_Result]:
    """Yield the score of each item in order; each device works on one item at a time.

    Args:
        score: called in a thread whose default device is a free one. Programs are compiled once for
            each device.
        items: to score.
        devices: to use instead of all devices of this process.

    Raises:
        Exception: what `score` raised, in the turn of its item; no further items are started.
    """
    devices = devices or jax.local_devices()
    free: queue.SimpleQueue[jax.Device] = queue.SimpleQueue()
    for device in devices:
        free.put(device)

    def score_on_free_device(item: _Item) -> _Result:
        device = free.get()
        try:
            with jax.default_device(device):
                return score(item)
        finally:
            free.put(device)

    begun: deque[Future[_Result]] = deque()
    with ThreadPoolExecutor(len(devices)) as threads:
        try:
            for item in items:
                begun.append(threads.submit(score_on_free_device, item))
                if len(begun) > _AHEAD * len(devices):
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            for future in begun:
                future.cancel()


def gather_rows(rows: Mapping[int, Any]) -> dict[int, Any]:
    """Return the rows of all processes in the order of their indices.

    All processes must call it together.

    Args:
        rows: the rows of this process, by index. A row is any JSON value, including NaN and
            infinity; tuples are returned as lists. Numbers keep every bit.
    """
    gathered: dict[int, Any] = {}
    for text in gather_bytes(json.dumps(list(rows.items())).encode()):
        gathered.update(json.loads(text))
    return dict(sorted(gathered.items()))


def gather_bytes(content: bytes) -> list[bytes]:
    """Return the content of each process, in their order; all must call it together.

    Bytes are exchanged, since arrays on a device would lose the lower half of each float64.
    """
    lengths = _gather(np.array([len(content)], np.int64).view(np.uint8)).view(np.int64)[:, 0]
    padded = np.zeros(-(-int(lengths.max()) // _PIECE) * _PIECE, np.uint8)
    padded[: len(content)] = np.frombuffer(content, np.uint8)
    pieces = [_gather(piece) for piece in padded.reshape(-1, _PIECE)]
    whole = np.concatenate(pieces, axis=1) if pieces else np.zeros((len(lengths), 0), np.uint8)
    return [row[:length].tobytes() for row, length in zip(whole, lengths, strict=True)]


def _gather(array: np.ndarray) -> np.ndarray:
    """Return uint8 [n] of each process as [processes, n]."""
    return np.asarray(multihost_utils.process_allgather(array))
