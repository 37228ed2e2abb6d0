"""A function of pictures, run in batches over all devices of this process."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from cinegan_jax.types import Array

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
