"""How a step runs on devices: the only place that names an axis or a mesh."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import gcd
from typing import Any, Protocol, TypeVar

import jax
import numpy as np
from jax.experimental import mesh_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.types import Batch
from cinegan_jax.training.state import TrainState
from cinegan_jax.training.step import MeasuredStep, TrainStep

REPLICAS, DATA, SPATIAL = "replicas", "data", "spatial"
PARALLELISMS = ("jit", "pmap", "pjit")


@dataclass(frozen=True)
class Share:
    """Which of the equal parts of each batch a process loads, of how many."""

    index: int
    count: int


Step = TypeVar("Step", TrainStep, MeasuredStep, covariant=True)


class MakeStep(Protocol[Step]):
    """`make_train_step` or `make_measured_step` with everything but the partitioning bound."""

    def __call__(
        self,
        *,
        average: Callable[[Any], Any] = ...,
        replica: Callable[[], int | jax.Array] = ...,
        replicas: int = ...,
    ) -> Step: ...


class Partitioner(Protocol):
    """A way to run one and the same step on devices."""

    devices: Sequence[jax.Device]
    """This process' devices that take part."""

    share: Share
    """This process' part of each batch."""

    def per_device(self, batch_size: int, slices: int = 1) -> int:
        """Pairs that one device, or one group of devices that share pictures, gets of a batch.

        Raises:
          UserError: the batch cannot be divided evenly.
        """
        ...

    def compile(self, make_step: MakeStep[TrainStep], state: TrainState) -> jax.stages.Wrapped:
        """The step over all devices; the buffers of the placed state are donated."""
        ...

    def compile_measured(
        self, make_step: MakeStep[MeasuredStep], state: TrainState
    ) -> jax.stages.Wrapped:
        """The same of a step that also measures; `one` takes what it measured."""
        ...

    def shapes(self, state: TrainState, frozen: Any, batch: Batch) -> tuple[Any, Any, Any]:
        """What the compiled step takes, as shapes with shardings.

        Args:
          state, frozen, batch: arrays or shapes, not yet placed; the batch is that of all devices.
        """
        ...

    def place_state(self, state: TrainState) -> TrainState:
        """Host or device arrays, copied to where the step wants them."""
        ...

    def replicate(self, tree: Any) -> Any:
        """The same for arrays that each device reads whole."""
        ...

    def place_batch(self, batch: Batch) -> Batch:
        """This process' share of a batch, [n, h, w, 3] on the host, as the step wants it."""
        ...

    def unreplicate(self, tree: Any) -> Any:
        """Placed arrays as single arrays on a device of this process; all processes must ask."""
        ...

    def to_save(self, state: TrainState) -> TrainState:
        """A placed state as a checkpoint takes it."""
        ...

    def to_restore(self, state: TrainState) -> TrainState:
        """A fresh state as a template for a checkpoint to fill; then `place_state` takes it."""
        ...


def make_partitioner(
    parallelism: str,
    spatial: int,
    shard_optimizer: bool,
    devices: Sequence[jax.Device] | None = None,
) -> Partitioner:
    """The partitioning that a config names.

    Args:
      parallelism: `jit` (the first device), `pmap` or `pjit` (all devices).
      spatial: devices that share each picture's rows; pjit only.
      shard_optimizer: whether moments and averages are spread over the data axis; pjit only.
      devices: to take the place of those there are.

    Raises:
      UserError: there is no such way, or a setting does not belong to it.
    """
    if parallelism != "pjit" and (spatial != 1 or shard_optimizer):
        raise UserError(
            f"spatial={spatial} and shard_optimizer={shard_optimizer} need parallelism='pjit', "
            f"not {parallelism!r}"
        )
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
        case other:
            raise UserError(f"parallelism={other!r} is not one of {', '.join(PARALLELISMS)}")


class Pmap:
    """Data parallelism by `jax.pmap`: each device holds the state whole and a part of the batch."""

    def __init__(self, devices: Sequence[jax.Device] | None = None):
        """`devices`: of all processes; all there are when left out."""
        self._every = sorted(devices or jax.devices(), key=lambda device: device.process_index)
        self.devices: Sequence[jax.Device] = _own(self._every)
        self.share = Share(jax.process_index(), jax.process_count())
        mesh = Mesh(np.array(self.devices), (REPLICAS,))
        self._sharding = NamedSharding(mesh, PartitionSpec(REPLICAS))

    def per_device(self, batch_size: int, slices: int = 1) -> int:
        """See `Partitioner`."""
        return _divided(batch_size, len(self._every), slices)

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
        """Copies under a new leading axis of devices."""

        def put(array: Any) -> jax.Array:
            one = np.asarray(array)[None]
            shape = (len(self.devices), *one.shape[1:])
            return jax.make_array_from_callback(shape, self._sharding, lambda _: one)

        return jax.tree.map(put, tree)

    def place_batch(self, batch: Batch) -> Batch:
        """[n, ...] to [devices, n / devices, ...]."""

        def split(array: Any) -> np.ndarray:
            return array.reshape(len(self.devices), -1, *array.shape[1:])

        return jax.device_put(jax.tree.map(split, dict(batch)), self._sharding)

    def unreplicate(self, tree: Any) -> Any:
        """The first replica."""
        return jax.tree.map(lambda array: array.addressable_shards[0].data[0], tree)

    def to_save(self, state: TrainState) -> TrainState:
        """On the host: every process has the same, and the first one writes it."""
        return jax.device_get(self.unreplicate(state))

    def to_restore(self, state: TrainState) -> TrainState:
        """See `Partitioner`."""
        return state


class MeshJit:
    """One program over a mesh of devices, `data` x `spatial`, by `jax.jit` and named shardings.

    The batch is split over `data` and the rows of its pictures over `spatial`; the compiler adds
    the halos of convolutions and the sums of normalisation. With `shard_optimizer`, moments and
    averages are spread over `data` (as ZeRO stage 1, arXiv 1910.02054).

    Devices that share pictures lie within a process where `spatial` is no more than it has. Where
    it is more, neighbouring processes share pictures: they load the same ones, and each places its
    rows of them.
    """

    def __init__(
        self,
        devices: Sequence[jax.Device] | None = None,
        spatial: int = 1,
        shard_optimizer: bool = False,
    ):
        """`devices`: of all processes; all there are when left out.

        Raises:
          UserError: the devices cannot be grouped by `spatial`.
        """
        every = list(devices or jax.devices())
        self.devices: Sequence[jax.Device] = _own(every)
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
        return _divided(batch_size, self._mesh.shape[DATA], slices)

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
        """This process' copies, once the spread arrays are gathered."""
        if not all(array.is_fully_replicated for array in jax.tree.leaves(tree)):
            tree = jax.jit(_same, out_shardings=self._whole)(tree)
        return jax.tree.map(lambda array: array.addressable_data(0), tree)

    def to_save(self, state: TrainState) -> TrainState:
        """As it is: each process writes the parts it holds."""
        return state

    def to_restore(self, state: TrainState) -> TrainState:
        """Shapes that say where each part goes, so that each process reads what it is to hold."""
        return jax.tree.map(_shape, state, self._shardings(state))

    def _shardings(self, state: TrainState) -> TrainState:
        whole = jax.tree.map(lambda _: self._whole, state)
        if not self._shard_optimizer:
            return whole
        spread = {
            name: jax.tree.map(self._spread, getattr(state, name)) for name in ("optimizers", "ema")
        }
        return replace(whole, **spread)

    def _spread(self, array: Any) -> NamedSharding:
        """Split along the longest axis that the data axis divides; whole where none is."""
        shards, shape = self._mesh.shape[DATA], np.shape(array)
        fitting = [axis for axis, length in enumerate(shape) if length and length % shards == 0]
        if not fitting:
            return self._whole
        longest = max(fitting, key=lambda axis: shape[axis])
        return NamedSharding(self._mesh, PartitionSpec(*[None] * longest, DATA))


def _own(devices: Sequence[jax.Device]) -> Sequence[jax.Device]:
    """Those of this process; where it is the only one, it may plan for any devices."""
    if jax.process_count() == 1:
        return list(devices)
    return [device for device in devices if device.process_index == jax.process_index()]


def _same(tree: Any) -> Any:
    return tree


def _copied(array: Any, sharding: NamedSharding) -> jax.Array:
    """A host or device array in fresh buffers, which may be donated."""
    if isinstance(array, jax.Array) and not array.is_fully_addressable:
        return array  # restored, and so where it is to be already
    whole = np.asarray(array)
    return jax.make_array_from_callback(whole.shape, sharding, lambda index: whole[index])


def _shape(array: Any, sharding: NamedSharding) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=sharding)


def _divided(batch_size: int, groups: int, slices: int) -> int:
    if batch_size < 1 or batch_size % (groups * slices):
        raise UserError(
            f"batch_size={batch_size} cannot be divided over {groups} devices"
            f" x accumulate_steps={slices}; use a multiple of {groups * slices}"
        )
    return batch_size // groups
