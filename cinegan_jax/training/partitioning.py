"""Partitioning of the step by `jit`, `pmap` or `pjit`; with `pmap.py`, all that names an axis."""

from collections.abc import Sequence
from dataclasses import replace
from math import gcd
from typing import Any

import jax
import numpy as np
from jax.experimental import mesh_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from cinegan_jax.config.run import Parallelism
from cinegan_jax.core.errors import UserError
from cinegan_jax.core.types import Batch
from cinegan_jax.training.partitioner import MakeStep, Partitioner, Share, own_devices, per_group
from cinegan_jax.training.pmap import Pmap
from cinegan_jax.training.state import TrainState
from cinegan_jax.training.step import MeasuredStep, TrainStep

DATA, SPATIAL = "data", "spatial"
"""Axes of the device mesh."""


def make_partitioner(
    parallelism: Parallelism,
    spatial: int,
    shard_optimizer: bool,
    devices: Sequence[jax.Device] | None = None,
) -> Partitioner:
    """Return the partitioner that a config names.

    Args:
      parallelism: `jit` (the first device), `pmap` or `pjit` (all devices).
      spatial: number of devices that share the rows of each image; pjit only.
      shard_optimizer: whether Adam's moments and the EMA are sharded over the data axis; pjit only.
      devices: used instead of all that exist.

    Raises:
      UserError: several processes have one device, or `spatial` does not divide the devices.
    """
    match parallelism:
        case "jit" if jax.process_count() > 1:
            raise UserError(
                f"parallelism='jit' uses one device, and {jax.process_count()} processes train "
                "together; use 'pmap' or 'pjit', or start one process"
            )
        case "jit":
            return MeshJit((devices or jax.local_devices())[:1])
        case "pmap":
            return Pmap(devices)
        case "pjit":
            return MeshJit(devices, spatial, shard_optimizer)


class MeshJit:
    """One program over a `data` x `spatial` mesh of devices, with `jax.jit` and named shardings.

    The batch is split over `data` and the rows of its images over `spatial`; the compiler adds the
    halos of convolutions and the sums of normalisation. With `shard_optimizer`, Adam's moments and
    the EMA are sharded over `data` (ZeRO stage 1, arXiv 1910.02054).

    Devices that share images belong to one process as long as `spatial` is at most its number of
    devices. Beyond that, neighbouring processes share images: all of them load the same images, and
    each places its rows.
    """

    def __init__(
        self,
        devices: Sequence[jax.Device] | None = None,
        spatial: int = 1,
        shard_optimizer: bool = False,
    ):
        """Use `devices` of all processes; by default all that exist.

        Raises:
          UserError: the devices cannot be grouped by `spatial`.
        """
        every = list(devices or jax.devices())
        self.devices: Sequence[jax.Device] = own_devices(every)
        processes = sorted({device.process_index for device in every})
        local = len(every) // len(processes)
        within = gcd(spatial, local)
        if spatial < 1 or len(processes) % (spatial // within):
            raise UserError(
                f"spatial={spatial} does not divide the {len(every)} devices"
                f" ({len(processes)} processes x {local})"
            )
        across = spatial // within
        self.share = Share(
            processes.index(self.devices[0].process_index) // across, len(processes) // across
        )
        grid = mesh_utils.create_hybrid_device_mesh(
            (local // within, within),
            (len(processes) // across, across),
            every,
            process_is_granule=True,
            allow_split_physical_axes=True,
        )
        self._mesh = Mesh(grid, (DATA, SPATIAL))
        self._shard_optimizer = shard_optimizer
        self._whole = NamedSharding(self._mesh, PartitionSpec())
        self._rows = NamedSharding(self._mesh, PartitionSpec(DATA, SPATIAL))

    def per_device(self, batch_size: int, slices: int = 1) -> int:
        """See `Partitioner`."""
        return per_group(batch_size, self._mesh.shape[DATA], slices)

    def compile(self, make_step: MakeStep[TrainStep], state: TrainState) -> jax.stages.Wrapped:
        """See `Partitioner`."""
        placed = self._shardings(state)
        return jax.jit(make_step(), out_shardings=placed, donate_argnums=(0,))

    def compile_measured(
        self, make_step: MakeStep[MeasuredStep], state: TrainState
    ) -> jax.stages.Wrapped:
        """See `Partitioner`."""
        placed = (self._shardings(state), self._whole)
        return jax.jit(make_step(), out_shardings=placed, donate_argnums=(0,))

    def shapes(self, state: TrainState, frozen: Any, batch: Batch) -> tuple[Any, Any, Any]:
        """See `Partitioner`."""
        whole = jax.tree.map(lambda x: _shape(x, self._whole), frozen)
        rows = {name: _shape(x, self._rows) for name, x in batch.items()}
        return self.to_restore(state), whole, rows

    def place_state(self, state: TrainState) -> TrainState:
        """See `Partitioner`."""
        return jax.tree.map(_copied, state, self._shardings(state))

    def replicate(self, tree: Any) -> Any:
        """See `Partitioner`."""
        return jax.tree.map(lambda array: _copied(array, self._whole), tree)

    def place_batch(self, batch: Batch) -> Batch:
        """See `Partitioner`."""

        def put(part: np.ndarray) -> jax.Array:
            first = self.share.index * len(part)

            def piece(index: Any) -> np.ndarray:
                pairs = range(first + len(part))[index[0]]
                return part[pairs.start - first : pairs.stop - first, *index[1:]]

            shape = (self.share.count * len(part), *part.shape[1:])
            return jax.make_array_from_callback(shape, self._rows, piece)

        return jax.tree.map(put, dict(batch))

    def unreplicate(self, tree: Any) -> Any:
        """Gather sharded arrays and return the copies of this process."""
        if not all(array.is_fully_replicated for array in jax.tree.leaves(tree)):
            tree = jax.jit(_identity, out_shardings=self._whole)(tree)
        return jax.tree.map(lambda array: array.addressable_data(0), tree)

    def to_save(self, state: TrainState) -> TrainState:
        """Return the state itself: each process writes the parts that it holds."""
        return state

    def to_restore(self, state: TrainState) -> TrainState:
        """Return shapes with shardings, so that each process reads only the parts that it holds."""
        return jax.tree.map(_shape, state, self._shardings(state))

    def _shardings(self, state: TrainState) -> TrainState:
        whole = jax.tree.map(lambda _: self._whole, state)
        if not self._shard_optimizer:
            return whole
        sharded = {
            name: jax.tree.map(self._shard, getattr(state, name)) for name in ("optimizers", "ema")
        }
        return replace(whole, **sharded)

    def _shard(self, array: Any) -> NamedSharding:
        """Shard the longest axis that the data axis divides; keep whole where none is divisible."""
        shards, shape = self._mesh.shape[DATA], np.shape(array)
        fitting = [axis for axis, length in enumerate(shape) if length and length % shards == 0]
        if not fitting:
            return self._whole
        longest = max(fitting, key=lambda axis: shape[axis])
        return NamedSharding(self._mesh, PartitionSpec(*[None] * longest, DATA))


def _identity(tree: Any) -> Any:
    return tree


def _copied(array: Any, sharding: NamedSharding) -> jax.Array:
    """Copy a host or device array into fresh buffers, which may be donated."""
    if isinstance(array, jax.Array) and not array.is_fully_addressable:
        return array  # restored, so it is already in place
    whole = np.asarray(array)
    return jax.make_array_from_callback(whole.shape, sharding, lambda index: whole[index])


def _shape(array: Any, sharding: NamedSharding) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=sharding)
