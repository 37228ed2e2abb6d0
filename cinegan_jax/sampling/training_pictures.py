"""All pictures that a run learned from, as it saw them but for random crops and flips."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from cinegan_jax.data.examples import BrokenExample, ExampleSource
from cinegan_jax.data.pictures import Picture
from cinegan_jax.data.spread_examples import FITS
from cinegan_jax.data.transforms import require_crop

BATCH = 256
THREADS = 8


class TrainingBatch(NamedTuple):
    """Pictures uint8 [n, size, size, 3] and where in their source they stand."""

    indices: list[int]
    pictures: np.ndarray


def training_batches(
    source: ExampleSource[Picture], size: int, crop: str
) -> Iterator[TrainingBatch]:
    """Every picture once in the order of its source, `BATCH` at a time; broken ones are left out.

    Args:
        source: of the run's training pictures.
        size: of what the networks were trained on.
        crop: how they are brought to it, as `config.data.crop`: of crops, the centre one.
    """

    def read(index: int) -> np.ndarray | None:
        return fitted_picture(source, index, size, crop)

    waiting: list[tuple[int, np.ndarray]] = []
    with ThreadPoolExecutor(THREADS) as threads:
        for first in range(0, len(source), BATCH):
            indices = range(first, min(first + BATCH, len(source)))
            pictures = threads.map(read, indices)
            waiting += [(i, p) for i, p in zip(indices, pictures, strict=True) if p is not None]
            if len(waiting) >= BATCH:
                yield _batch(waiting[:BATCH])
                del waiting[:BATCH]
    if waiting:
        yield _batch(waiting)


def fitted_picture(
    source: ExampleSource[Picture], index: int, size: int, crop: str
) -> np.ndarray | None:
    """One of them, uint8 [size, size, 3]; None where it is broken."""
    try:
        example = source[index]
        if crop != "squash":
            require_crop(example, size)
    except BrokenExample:
        return None
    return FITS[crop](example.target, size)


def _batch(items: list[tuple[int, np.ndarray]]) -> TrainingBatch:
    indices, pictures = zip(*items, strict=True)
    return TrainingBatch(list(indices), np.stack(pictures))
