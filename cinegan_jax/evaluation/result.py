"""What an evaluation found: the scores of every photo, and what follows from them."""

import dataclasses
import math
from collections import defaultdict
from collections.abc import Mapping
from functools import cached_property

import numpy as np

from cinegan_jax.evaluation.bootstrap import mean_interval
from cinegan_jax.evaluation.metric_facts import facts


@dataclasses.dataclass(frozen=True)
class PhotoScore:
    """The scores of what one method made of one photo."""

    name: str
    """The photo's name in its split."""
    protocol: str
    """How pictures were prepared: a name in `protocols`."""
    reference: str
    """What they were compared with: `target`, or `clean`, the target without its grain."""
    method: str
    """What made the picture: a name in `methods.LABELS`."""
    scores: Mapping[str, float]
    """By metric, a name in `metric_facts.METRICS`; NaN where a photo has none, and an infinite PSNR
    where the picture is its reference."""


@dataclasses.dataclass(frozen=True)
class SetScore:
    """The scores of all pictures of one method together, such as FID."""

    protocol: str
    reference: str
    method: str
    photos: int
    """How many there were."""
    scores: Mapping[str, float]
    """By metric, a name in `SET_METRICS`."""
    notes: tuple[str, ...] = ()
    """What is to be said beside the scores, of sets that are too small."""


@dataclasses.dataclass(frozen=True)
class About:
    """What was evaluated, for people."""

    target: str
    """The workdir, look or folder of results."""
    data: str
    look: str
    split: str = "test"
    step: int | None = None
    """Of the checkpoint, where there was one."""
    weights: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Files of networks that metrics used, by metric."""
    versions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Of packages."""


@dataclasses.dataclass(frozen=True)
class Summary:
    """One metric of one method over all photos."""

    protocol: str
    reference: str
    method: str
    metric: str
    photos: int
    """That have a score; the others are left out of everything below."""
    mean: float
    """Infinite if any photo's score is."""
    median: float
    std: float
    """Of photos about the mean; NaN where the mean is infinite."""
    low: float
    """Lower end of the 95 % interval of the mean (`bootstrap.mean_interval`)."""
    high: float


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Every score of one evaluation, and the pairs that it had to leave out."""

    photos: tuple[PhotoScore, ...]
    sets: tuple[SetScore, ...]
    skipped: Mapping[str, str]
    """Name of a pair left out -> why."""
    size: int
    """Side of the squashed pictures of the `filmnet` protocol, in pixels."""
    about: About

    def select(self, **fields: str) -> tuple[PhotoScore, ...]:
        """The photos' scores whose fields have these values, such as `protocol="native"`."""
        return tuple(score for score in self.photos if _has(score, fields))

    def summaries(self, **fields: str) -> tuple[Summary, ...]:
        """Summaries whose fields have these values, such as `metric="psnr"`; all without any."""
        return tuple(summary for summary in self._summaries if _has(summary, fields))

    def worst(
        self, protocol: str, reference: str, method: str, metric: str, count: int = 10
    ) -> tuple[PhotoScore, ...]:
        """The photos on which a method scores worst, the worst first.

        Raises:
            UserError: there is no metric of that name.
        """
        sign = 1 if facts(metric).higher_is_better else -1
        scored = [
            score
            for score in self.select(protocol=protocol, reference=reference, method=method)
            if not math.isnan(score.scores.get(metric, math.nan))
        ]
        return tuple(sorted(scored, key=lambda score: sign * score.scores[metric])[:count])

    @cached_property
    def _summaries(self) -> tuple[Summary, ...]:
        groups: dict[tuple[str, str, str], list[Mapping[str, float]]] = defaultdict(list)
        for score in self.photos:
            groups[score.protocol, score.reference, score.method].append(score.scores)
        return tuple(
            _summary(*group, metric, [scores[metric] for scores in found])
            for group, found in groups.items()
            for metric in found[0]
        )


def _has(item: object, fields: Mapping[str, str]) -> bool:
    return all(getattr(item, field) == value for field, value in fields.items())


def _summary(
    protocol: str, reference: str, method: str, metric: str, values: list[float]
) -> Summary:
    known = np.array([value for value in values if not math.isnan(value)])
    low, high = mean_interval(known)
    return Summary(
        protocol,
        reference,
        method,
        metric,
        photos=known.size,
        mean=float(known.mean()) if known.size else math.nan,
        median=float(np.median(known)) if known.size else math.nan,
        std=float(known.std()) if known.size and np.isfinite(known).all() else math.nan,
        low=float(low),
        high=float(high),
    )
