"""Comparison of evaluated runs, photo by photo."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
from etils import epath

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import absolute, open_path
from cinegan_jax.evaluation.intervals import PairedDifference, paired_difference
from cinegan_jax.evaluation.result import METHOD_LABELS, RESULT_FILE, Evaluation, load
from cinegan_jax.metrics.registry import METRICS, facts

_ALL_PAIRS = 4
"""Above this number of runs, compare each run with the first only."""
_SAME_SCORE = 1e-3
"""Relative difference between devices that the score of one photo's input may have."""


@dataclasses.dataclass(frozen=True)
class Contender:
    """One method of one evaluation, to be compared with others.

    Attributes:
        label: for people.
        evaluation: the scores.
        method: a method of the evaluation.
    """

    label: str
    evaluation: Evaluation
    method: str = "generator"

    def scores(
        self, protocol: str, reference: str, method: str = ""
    ) -> Mapping[str, Mapping[str, float]]:
        """Return scores by photo and metric, of this or of another method of the evaluation."""
        fields = {"protocol": protocol, "reference": reference, "method": method or self.method}
        return {photo.name: photo.scores for photo in self.evaluation.select(**fields)}


@dataclasses.dataclass(frozen=True)
class MetricDifference:
    """Scores of `second` minus those of `first`, by one metric on the photos of both."""

    protocol: str
    reference: str
    metric: str
    first: str
    second: str
    found: PairedDifference

    @property
    def better(self) -> str | None:
        """Label of the better one; None where the difference is not significant."""
        if not self.found.significant:
            return None
        return self.second if (self.found.mean > 0) == self._higher_is_better else self.first

    @property
    def first_wins(self) -> float:
        """Share of photos on which `first` is the better one."""
        return self.found.smaller if self._higher_is_better else self.found.larger

    @property
    def second_wins(self) -> float:
        """Share of photos on which `second` is the better one."""
        return self.found.larger if self._higher_is_better else self.found.smaller

    @property
    def _higher_is_better(self) -> bool:
        return facts(self.metric).higher_is_better


@dataclasses.dataclass(frozen=True)
class RunComparison:
    """All differences, and the photos that some contenders lack."""

    differences: tuple[MetricDifference, ...]
    left_out: Mapping[str, tuple[str, ...]]
    """Name of a photo -> labels of the contenders that lack it."""


def read_contenders(runs: Sequence[str]) -> list[Contender]:
    """Return the generators of runs or, for a single run, its fitted LUT and its generator.

    Args:
        runs: workdirs or folders of evaluations, or their evaluation.json.

    Raises:
        UserError: a run has no evaluation, has one of whole sets only, or is named twice.
    """
    evaluations = [load(_file(run)) for run in runs]
    for run, evaluation in zip(runs, evaluations, strict=True):
        if not evaluation.photos:
            raise UserError(
                f"{run} generates images from latents: its evaluation scores whole sets, and "
                "nothing can be compared photo by photo. Compare the tables in evaluation.md"
            )
    if len(runs) == 1:
        return [Contender(METHOD_LABELS[m], evaluations[0], m) for m in ("lut", "generator")]
    paths = [_file(run).parent for run in runs]
    names = [path.name for path in paths]
    labels = names if len(set(names)) == len(names) else [str(run) for run in runs]
    if len(set(labels)) < len(labels):
        raise UserError(f"a run is named twice: {', '.join(runs)}")
    return [Contender(*each) for each in zip(labels, evaluations, strict=True)]


def _file(run: str) -> epath.Path:
    path = absolute(open_path(run))
    if path.suffix == ".json":
        return path
    if not (path / RESULT_FILE).exists():
        raise UserError(f"{run} has no {RESULT_FILE}: run `cinegan evaluate {run}` first")
    return path / RESULT_FILE


def compare_runs(contenders: Sequence[Contender], metric: str | None = None) -> RunComparison:
    """Compare each contender with the first, and up to four of them all with each other.

    Args:
        contenders: two or more, with labels that differ.
        metric: compare by this metric alone; None: by all that both were scored by.

    Raises:
        UserError: they were scored on different photos, targets or sizes, or not by that metric.
    """
    for other in contenders[1:]:
        _check_comparable(contenders[0], other)
    if metric is not None:
        facts(metric)
    few = len(contenders) <= _ALL_PAIRS
    pairs = combinations(contenders, 2) if few else ((contenders[0], c) for c in contenders[1:])
    found = tuple(d for pair in pairs for d in _differences(*pair, metric))
    if not found:
        raise UserError(f"the contenders have no scores in common by {metric or 'any metric'}")
    return RunComparison(found, _left_out(contenders))


def _differences(
    first: Contender, second: Contender, metric: str | None
) -> Iterator[MetricDifference]:
    for protocol, reference in _groups(first):
        mine, theirs = (c.scores(protocol, reference) for c in (first, second))
        names = sorted(mine.keys() & theirs.keys())
        measured = {m for n in names for m in mine[n].keys() & theirs[n].keys()}
        for name in METRICS:
            if name not in measured or metric not in (None, name):
                continue
            scores, others = (
                np.array([found[photo].get(name, math.nan) for photo in names])
                for found in (theirs, mine)
            )
            difference = paired_difference(scores, others)
            if difference.photos:
                yield MetricDifference(
                    protocol, reference, name, first.label, second.label, difference
                )


def _groups(contender: Contender) -> list[tuple[str, str]]:
    photos = contender.evaluation.photos
    return list(dict.fromkeys((photo.protocol, photo.reference) for photo in photos))


def _check_comparable(first: Contender, other: Contender) -> None:
    """Check by the plain photos' scores that photos and targets are the same in both."""
    sizes = first.evaluation.size, other.evaluation.size
    if sizes[0] != sizes[1]:
        raise UserError(
            f"{first.label} and {other.label} were squashed to {sizes[0]} and {sizes[1]} pixels: "
            "evaluate both at one size"
        )
    shared = 0
    for group in _groups(first):
        mine, theirs = (c.scores(*group, method="input") for c in (first, other))
        for name in mine.keys() & theirs.keys():
            shared += 1
            values = mine[name]["psnr"], theirs[name]["psnr"]
            if not math.isclose(*values, rel_tol=_SAME_SCORE):
                raise UserError(
                    f"{first.label} and {other.label} were scored on different pairs: the plain "
                    f"photo {name!r} has {values[0]:.2f} dB in one and {values[1]:.2f} dB in the "
                    f"other ({' and '.join(_data(c) for c in (first, other))}); evaluate both on "
                    "the same pairs"
                )
    if not shared:
        raise UserError(
            f"{first.label} and {other.label} have no photo and protocol in common "
            f"({' and '.join(_data(c) for c in (first, other))}); evaluate both on the same pairs"
        )


def _data(contender: Contender) -> str:
    about = contender.evaluation.about
    return f"{about.split} of {about.data}, look {about.look}"


def _left_out(contenders: Sequence[Contender]) -> dict[str, tuple[str, ...]]:
    have = {c.label: {photo.name for photo in c.evaluation.photos} for c in contenders}
    lacking = {
        name: tuple(label for label, names in have.items() if name not in names)
        for name in sorted(set[str]().union(*have.values()))
    }
    return {name: labels for name, labels in lacking.items() if labels}
