"""Running sums over any number of images, in float64 on the host.

They need the memory of one batch, and the sums of several processes merge exactly.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, reduce
from operator import add

import jax
import numpy as np
import scipy.linalg

from cinegan_jax.core.types import Array, Images
from cinegan_jax.metrics.devices import OnDevices, gather_bytes, gather_rows
from cinegan_jax.metrics.registry import PairedFunction

BLOCK = 1024
"""Rows that are added to moments together, since each addition touches all of d x d."""


@dataclasses.dataclass(frozen=True)
class Moments:
    """Number, mean and scatter of vectors; the moments of two sets can be added.

    Attributes:
        count: number of vectors.
        mean: float64 [d].
        scatter: float64 [d, d], the sum of the outer products of deviations from the mean.
    """

    count: int
    mean: np.ndarray
    scatter: np.ndarray

    @classmethod
    def of(cls, vectors: Array) -> "Moments":
        """Compute the moments of vectors [n, d]."""
        rows = np.asarray(vectors, np.float64)
        mean = rows.mean(axis=0) if len(rows) else np.zeros(rows.shape[1])
        deviations = rows - mean
        return cls(len(rows), mean, deviations.T @ deviations)

    @property
    def covariance(self) -> np.ndarray:
        """The unbiased covariance [d, d], as `np.cov` computes it.

        Raises:
            ValueError: there are fewer than two vectors.
        """
        if self.count < 2:
            raise ValueError(f"a covariance needs two vectors or more, there is {self.count}")
        return self.scatter / (self.count - 1)

    @cached_property
    def root(self) -> np.ndarray:
        """Matrix R [rank, d] with R^T R = the covariance, whose rank is below the count."""
        d = len(self.mean)
        rank = min(d, self.count - 1)
        values, vectors = scipy.linalg.eigh(self.covariance, subset_by_index=(d - rank, d - 1))
        return np.sqrt(np.maximum(values, 0))[:, None] * vectors.T

    def __add__(self, other: "Moments") -> "Moments":
        """Return the moments of both (Chan, Golub and LeVeque, Stanford STAN-CS-79-773, 1979)."""
        count = self.count + other.count
        if not count:
            return self
        step = other.mean - self.mean
        mean = self.mean + step * (other.count / count)
        between = np.outer(step, step) * (self.count * other.count / count)
        return Moments(count, mean, self.scatter + other.scatter + between)

    def gather(self) -> "Moments":
        """Return the moments of all processes' vectors; all processes must call it together."""
        values = np.concatenate([[self.count], self.mean, self.scatter.ravel()])
        return reduce(add, map(self._of_bytes, gather_bytes(values.tobytes())))

    def _of_bytes(self, content: bytes) -> "Moments":
        values, d = np.frombuffer(content), len(self.mean)
        return Moments(int(values[0]), values[1 : d + 1], values[d + 1 :].reshape(d, d))


class RunningMoments:
    """Moments of a stream of vectors."""

    def __init__(self, dimensions: int):
        self._sum = Moments.of(np.zeros((0, dimensions)))
        self._waiting: list[np.ndarray] = []

    def add(self, vectors: Array) -> None:
        """Add vectors [n, d]."""
        self._waiting.append(np.asarray(vectors))
        if sum(map(len, self._waiting)) >= BLOCK:
            self._sum, self._waiting = self.moments(), []

    def moments(self) -> Moments:
        """Return the moments of all vectors so far."""
        if not self._waiting:
            return self._sum
        return self._sum + Moments.of(np.concatenate(self._waiting))


class RunningMeans:
    """Means of a stream of scores, by metric; NaN scores are left out."""

    def __init__(self, metrics: Iterable[str]):
        self._sums = dict.fromkeys(metrics, 0.0)
        self._counts = dict.fromkeys(self._sums, 0)

    def add(self, scores: Mapping[str, Array]) -> None:
        """Add the scores [n] of n images by each metric."""
        for metric, values in scores.items():
            known = np.asarray(values, np.float64)
            known = known[~np.isnan(known)]
            self._sums[metric] += float(known.sum())
            self._counts[metric] += len(known)

    def means(self) -> dict[str, float]:
        """Return means over the images of all processes, which must call it together.

        A mean without scores is NaN.
        """
        rows = gather_rows({jax.process_index(): (self._sums, self._counts)}).values()
        return {
            metric: _ratio(sum(s[metric] for s, _ in rows), sum(c[metric] for _, c in rows))
            for metric in self._sums
        }


def mean_scores(
    metrics: Mapping[str, PairedFunction],
    batches: Iterable[tuple[Images, Images]],
    *,
    per_device: int = 8,
    devices: Sequence[jax.Device] | None = None,
) -> dict[str, float]:
    """Compute each metric's mean over the images of all processes, each of which brings its own.

    Args:
        metrics: by name.
        batches: images and their references, each unit [n, h, w, 3], of any n. A program is
            compiled for each image size.
        per_device, devices: see `OnDevices`.
    """

    def scores(_: None, images: Images, references: Images) -> dict[str, jax.Array]:
        return {name: metric(images, references) for name, metric in metrics.items()}

    run = OnDevices(scores, per_device=per_device, devices=devices)
    running = RunningMeans(metrics)
    for images, references in batches:
        running.add(run(images, references))
    return running.means()


def _ratio(total: float, count: int) -> float:
    return total / count if count else math.nan
