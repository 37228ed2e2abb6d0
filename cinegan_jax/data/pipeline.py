"""Training batches: the Grain pipeline from a source of examples to uint8 minibatches.

Every epoch is a new global permutation of the examples, cut to whole global batches. Global batch k
is the k-th contiguous part of the permutation, and each process takes its own part of the batch.
The images, their order, crops and flips, and the saved position therefore do not depend on the
number of hosts.

Examples are read by threads, since decoders release the interpreter lock. Worker processes were
several times slower for shards (see benchmarks/loader.py).
"""

import math
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import grain
import numpy as np
from absl import logging

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.renamed import current_name
from cinegan_jax.data.examples import BrokenExample, Example, ExampleSource
from cinegan_jax.data.transforms import CROPS, random_flip, require_crop


def train_batches(
    source: ExampleSource[Any],
    *,
    size: int,
    crop: str,
    batch_size: int,
    seed: int,
    process_index: int = 0,
    process_count: int = 1,
    threads: int = 4,
    corrupt_ceiling: float = 0.01,
    corrupt_floor: int = 0,
) -> "TrainBatches":
    """Return an endless iterator over one process' share of the shuffled training batches.

    Args:
      source: the training examples.
      size: height and width of the images in a batch, in pixels.
      crop: how examples are brought to that size, one of `CROPS`.
      batch_size: examples per batch and process; a global batch has process_count times as many.
      seed: random seed of order, crops and flips.
      process_index: this process, 0 to process_count - 1; shares never overlap.
      process_count: number of processes that share the examples.
      threads: number of threads that read and decode.
      corrupt_ceiling: maximum share of broken examples, rounded up to whole examples.
      corrupt_floor: number of broken examples that are allowed although their share is larger, but
        no more than a tenth of the examples; none where `corrupt_ceiling` is 0.

    Raises:
      UserError: a setting is out of range, or there are fewer examples than one global batch. The
        iterator raises it if too many examples are broken.
    """
    _check(size, crop, batch_size, threads)
    global_batch = batch_size * process_count
    if len(source) < global_batch:
        raise UserError(
            f"{len(source)} training {source.kind} are fewer than one batch of {global_batch}: "
            f"lower batch_size or add {source.kind}"
        )
    usable = len(source) - len(source) % global_batch
    allowed = _allowed(len(source), corrupt_ceiling, corrupt_floor)
    reader = GoodExamples(source, usable, seed, allowed, size, crop)
    share = _share(reader.dataset(), usable, batch_size, process_index, process_count)
    identity = {"seed": seed, source.kind: len(source), "global_batch": global_batch}
    return TrainBatches(
        share, batch_size, threads, identity, len(source) // global_batch, reader.broken
    )


class TrainBatches(Iterator[Mapping[str, np.ndarray]]):
    """Iterator over batches: arrays by key, each uint8 [batch_size, size, size, 3].

    Attributes:
      batches_per_epoch: batches in one pass over the examples, the same on every process.
      broken: reasons of the broken examples this process has read so far, by name.
    """

    def __init__(
        self,
        share: grain.MapDataset,
        batch_size: int,
        threads: int,
        identity: Mapping[str, int],
        batches_per_epoch: int,
        broken: Mapping[str, str],
    ):
        self.broken = broken
        self.batches_per_epoch = batches_per_epoch
        self._share, self._batch_size, self._threads = share, batch_size, threads
        self._identity = dict(identity)
        self._batches = 0
        self._iterator: Any = None

    def __next__(self) -> Mapping[str, np.ndarray]:
        if self._iterator is None:
            self._iterator = self._start()
        batch = next(self._iterator)
        self._batches += 1
        return batch

    def _start(self) -> Iterator[Mapping[str, np.ndarray]]:
        rest = self._share[self._batches * self._batch_size :]
        options = grain.ReadOptions(self._threads, max(self._threads, 2 * self._batch_size))
        return iter(rest.to_iter_dataset(options).batch(self._batch_size, drop_remainder=True))

    def get_state(self) -> dict[str, int]:
        """Return the position as integers that fit into JSON; the same on every process."""
        return {"batches": self._batches, **self._identity}

    def set_state(self, state: Mapping[str, int]) -> None:
        """Go to a position returned by `get_state`, also on another number of processes.

        Raises:
          UserError: the seed, the number or kind of examples, or the global batch has changed.
        """
        state = {current_name(key): value for key, value in state.items()}
        for key, now in self._identity.items():
            if (before := state.get(key)) != now:
                raise UserError(
                    f"the run was saved with {key}={before}, but now has {key}={now}: its data "
                    "order cannot be continued; restore the old value or start a new run"
                )
        self.close()
        self._batches = state["batches"]

    def close(self) -> None:
        """Stop reading ahead; the next batch starts it again."""
        if self._iterator is not None:
            self._iterator.close()
            self._iterator = None


class GoodExamples:
    """Shuffled, endless sequence of the training examples of all processes, without broken ones.

    A broken example is replaced by the next good one of the same epoch, so that batches and epochs
    have the same length on all processes. The replacement depends on the seed alone.

    Attributes:
      broken: reasons of the broken examples read so far, by name.
    """

    def __init__(
        self,
        source: ExampleSource[Any],
        usable: int,
        seed: int,
        allowed: int,
        size: int,
        crop: str,
    ):
        self.broken: dict[str, str] = {}
        self._allowed = allowed
        self._lock = threading.Lock()
        self._source, self._usable = source, usable
        self._size, self._crop = size, crop
        self._order = grain.MapDataset.range(len(source)).seed(seed).shuffle()[:usable]

    def dataset(self) -> grain.MapDataset:
        """Return the arrays of each example by global position, uint8 [size, size, 3] each."""
        return self._order.repeat().map_with_index(self._read).random_map(self._augment)

    def _read(self, position: int, index: int) -> Example:
        epoch_start, offset = position - position % self._usable, position % self._usable
        for step in range(self._usable):
            if step:
                index = self._order[epoch_start + (offset + step) % self._usable]
            try:
                return self._read_fitting(index)
            except BrokenExample as error:
                self._note(error)
        raise UserError(f"all {self._source.kind} are broken: {_listed(self.broken)}")

    def _read_fitting(self, index: int) -> Example:
        example: Example = self._source[index]
        if self._crop != "squash":
            require_crop(example, self._size)
        return example

    def _note(self, error: BrokenExample) -> None:
        with self._lock:
            if error.name not in self.broken:
                logging.warning("A broken example is replaced by the next one: %s", error)
                self.broken[error.name] = error.reason
            if len(self.broken) > self._allowed:
                raise UserError(
                    f"{len(self.broken)} of {len(self._source)} {self._source.kind} are broken, "
                    f"more than the {self._allowed} that data.corrupt_ceiling and "
                    f"data.corrupt_floor allow: {_listed(self.broken)}"
                )

    def _augment(self, example: Example, rng: np.random.Generator) -> dict[str, np.ndarray]:
        arrays = random_flip(CROPS[self._crop](example.arrays, self._size, rng), rng)
        # Copies, so that the whole images can be freed before the batch is full.
        return {name: np.array(array) for name, array in arrays.items()}


def _allowed(examples: int, ceiling: float, floor: int) -> int:
    """Return the number of broken examples with which a run goes on."""
    return max(math.ceil(ceiling * examples), min(floor, examples // 10)) if ceiling else 0


def _share(
    stream: grain.MapDataset, usable: int, batch_size: int, process_index: int, process_count: int
) -> grain.MapDataset:
    """Select the `process_index`-th part of every global batch, `batch_size` long."""

    def read(place: int, _: int) -> Any:
        batch, row = divmod(place, batch_size)
        return stream[(batch * process_count + process_index) * batch_size + row]

    epoch = grain.MapDataset.range(usable // process_count)
    return epoch.repeat().map_with_index(read)


def _check(size: int, crop: str, batch_size: int, threads: int) -> None:
    if crop not in CROPS:
        raise UserError(f"no crop {crop!r}: choose one of {', '.join(CROPS)}")
    for name, value in {"size": size, "batch_size": batch_size, "threads": threads}.items():
        if value < 1:
            raise UserError(f"{name} is {value}: it must be 1 or more")


def _listed(broken: Mapping[str, str], limit: int = 10) -> str:
    shown = [f"{name} ({reason})" for name, reason in list(broken.items())[:limit]]
    return "; ".join(shown) + ("; ..." if len(broken) > limit else "")
