"""The partitioner of `jax.pmap`; gradients are averaged with `lax.pmean`."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from cinegan_jax.core.types import Batch
from cinegan_jax.training.partitioner import MakeStep, Share, own_devices, per_group
from cinegan_jax.training.state import TrainState
from cinegan_jax.training.step import MeasuredStep, TrainStep

REPLICAS = "replicas"
"""Name of the mapped axis."""


class Pmap:
    """Data parallelism with `jax.pmap`: each device has the whole state and part of the batch."""

    def __init__(self, devices: Sequence[jax.Device] | None = None):
        """Use `devices` of all processes; by default all that exist."""
        self._every = sorted(devices or jax.devices(), key=lambda device: device.process_index)
        self.devices: Sequence[jax.Device] = own_devices(self._every)
        self.share = Share(jax.process_index(), jax.process_count())
        mesh = Mesh(np.array(self.devices), (REPLICAS,))
        self._sharding = NamedSharding(mesh, PartitionSpec(REPLICAS))

    def per_device(self, batch_size: int, slices: int = 1) -> int:
        """See `Partitioner`."""
        return per_group(batch_size, len(self._every), slices)

    def compile(self, make_step: MakeStep[TrainStep], state: TrainState) -> jax.stages.Wrapped:
        """See `Partitioner`."""
        return self._mapped(make_step)

    def compile_measured(
        self, make_step: MakeStep[MeasuredStep], state: TrainState
    ) -> jax.stages.Wrapped:
        """See `Partitioner`."""
        return self._mapped(make_step)

    def _mapped(self, make_step: MakeStep) -> jax.stages.Wrapped:
        step = make_step(
            average=partial(jax.lax.pmean, axis_name=REPLICAS),
            replica=partial(jax.lax.axis_index, REPLICAS),
            replicas=len(self._every),
        )
        return jax.pmap(step, axis_name=REPLICAS, devices=self._every, donate_argnums=(0,))

    def shapes(self, state: TrainState, frozen: Any, batch: Batch) -> tuple[Any, Any, Any]:
        """See `Partitioner`."""
        count = len(self.devices)

        def shape(*sizes: int, like: Any) -> jax.ShapeDtypeStruct:
            return jax.ShapeDtypeStruct((count, *sizes), like.dtype, sharding=self._sharding)

        whole = jax.tree.map(lambda x: shape(*x.shape, like=x), (state, frozen))
        part = {
            name: shape(x.shape[0] // (count * jax.process_count()), *x.shape[1:], like=x)
            for name, x in batch.items()
        }
        return *whole, part

    def place_state(self, state: TrainState) -> TrainState:
        """See `Partitioner`."""
        return self.replicate(state)

    def replicate(self, tree: Any) -> Any:
        """Copy arrays under a new leading axis of devices."""

        def put(array: Any) -> jax.Array:
            one = np.asarray(array)[None]
            shape = (len(self.devices), *one.shape[1:])
            return jax.make_array_from_callback(shape, self._sharding, lambda _: one)

        return jax.tree.map(put, tree)

    def place_batch(self, batch: Batch) -> Batch:
        """Reshape [n, ...] to [devices, n / devices, ...]."""

        def split(array: Any) -> np.ndarray:
            return array.reshape(len(self.devices), -1, *array.shape[1:])

        return jax.device_put(jax.tree.map(split, dict(batch)), self._sharding)

    def unreplicate(self, tree: Any) -> Any:
        """Return the first replica."""
        return jax.tree.map(lambda array: array.addressable_shards[0].data[0], tree)

    def to_save(self, state: TrainState) -> TrainState:
        """Fetch the state: every process has the same, and the first one writes it."""
        return jax.device_get(self.unreplicate(state))

    def to_restore(self, state: TrainState) -> TrainState:
        """See `Partitioner`."""
        return state
