"""How a step runs on devices: the only place that names an axis or a mesh."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from cinegan_jax.errors import UserError
from cinegan_jax.training.step import TrainStep
from cinegan_jax.types import Batch

REPLICAS = "replicas"


class MakeStep(Protocol):
    """`make_train_step` with everything but the mean over replicas bound."""

    def __call__(
        self, *, average: Callable[[Any], Any], replica: Callable[[], int | jax.Array]
    ) -> TrainStep: ...


class Pmap:
    """Data parallelism by `jax.pmap`: each device holds the state whole and a part of the batch."""

    def __init__(self, devices: Sequence[jax.Device] | None = None):
        """`devices`: this process' devices; all its local ones when left out."""
        self.devices = list(devices or jax.local_devices())
        mesh = Mesh(np.array(self.devices), (REPLICAS,))
        self._sharding = NamedSharding(mesh, PartitionSpec(REPLICAS))

    def per_device(self, batch_size: int, slices: int = 1) -> int:
        """Pairs that one device gets of a global batch.

        Raises:
          UserError: the batch cannot be divided evenly.
        """
        devices = len(self.devices) * jax.process_count()
        if batch_size < 1 or batch_size % (devices * slices):
            raise UserError(
                f"batch_size={batch_size} cannot be divided over {devices} devices"
                f" x accumulate_steps={slices}; use a multiple of {devices * slices}"
            )
        return batch_size // devices

    def compile(self, make_step: MakeStep) -> TrainStep:
        """The step over all replicas; the state's buffers are donated."""
        step = make_step(
            average=partial(jax.lax.pmean, axis_name=REPLICAS),
            replica=partial(jax.lax.axis_index, REPLICAS),
        )
        return jax.pmap(step, axis_name=REPLICAS, devices=self.devices, donate_argnums=(0,))

    def replicate(self, tree: Any) -> Any:
        """Host or device arrays, copied to each device under a new leading axis."""

        def put(array: Any) -> jax.Array:
            one = np.asarray(array)[None]
            shape = (len(self.devices), *one.shape[1:])
            return jax.make_array_from_callback(shape, self._sharding, lambda _: one)

        return jax.tree.map(put, tree)

    def place_batch(self, batch: Batch) -> Batch:
        """This process' part of a batch, host [n, ...] to device [devices, n / devices, ...]."""

        def split(array: Any) -> np.ndarray:
            return array.reshape(len(self.devices), -1, *array.shape[1:])

        return jax.device_put(jax.tree.map(split, dict(batch)), self._sharding)

    @staticmethod
    def one(tree: Any) -> Any:
        """The first replica of a replicated tree, still on its device."""
        return jax.tree.map(lambda array: array.addressable_shards[0].data[0], tree)
