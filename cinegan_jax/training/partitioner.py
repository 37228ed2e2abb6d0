"""The interface of a partitioner: how one step runs on devices, and what they share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import jax

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.types import Batch
from cinegan_jax.training.state import TrainState
from cinegan_jax.training.step import MeasuredStep, TrainStep


@dataclass(frozen=True)
class Share:
    """The part of each batch that a process loads: part `index` of `count` equal ones."""

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
    """The devices of this process that take part."""

    share: Share
    """The part of each batch that this process loads."""

    def per_device(self, batch_size: int, slices: int = 1) -> int:
        """Return the number of examples per device, or per group of devices that share images.

        Raises:
          UserError: the batch cannot be divided evenly.
        """
        ...

    def compile(self, make_step: MakeStep[TrainStep], state: TrainState) -> jax.stages.Wrapped:
        """Return the step over all devices; the buffers of the placed state are donated."""
        ...

    def compile_measured(
        self, make_step: MakeStep[MeasuredStep], state: TrainState
    ) -> jax.stages.Wrapped:
        """Return the step that also measures; `unreplicate` takes its diagnostics."""
        ...

    def shapes(self, state: TrainState, frozen: Any, batch: Batch) -> tuple[Any, Any, Any]:
        """Return the arguments of the compiled step as shapes with shardings.

        Args:
          state, frozen, batch: arrays or shapes, not yet placed; the batch is that of all devices.
        """
        ...

    def place_state(self, state: TrainState) -> TrainState:
        """Copy host or device arrays to where the step reads them."""
        ...

    def replicate(self, tree: Any) -> Any:
        """Copy arrays that every device reads whole."""
        ...

    def place_batch(self, batch: Batch) -> Batch:
        """Place this process' share of a batch, [n, h, w, 3] on the host, for the step."""
        ...

    def unreplicate(self, tree: Any) -> Any:
        """Return placed arrays as single arrays on a device of this process.

        All processes must call it together.
        """
        ...

    def to_save(self, state: TrainState) -> TrainState:
        """Return a placed state as a checkpoint takes it."""
        ...

    def to_restore(self, state: TrainState) -> TrainState:
        """Return a fresh state as the template of a restore, whose result `place_state` takes."""
        ...


def own_devices(devices: Sequence[jax.Device]) -> Sequence[jax.Device]:
    """Return the devices of this process; a process alone may plan for any devices."""
    if jax.process_count() == 1:
        return list(devices)
    return [device for device in devices if device.process_index == jax.process_index()]


def per_group(batch_size: int, groups: int, slices: int) -> int:
    """Return the examples per group of devices; UserError where the batch cannot be divided."""
    if batch_size < 1 or batch_size % (groups * slices):
        raise UserError(
            f"batch_size={batch_size} cannot be divided over {groups} devices"
            f" x accumulate_steps={slices}; use a multiple of {groups * slices}"
        )
    return batch_size // groups
