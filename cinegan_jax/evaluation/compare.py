"""Evaluations held against each other, photo by photo."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
from etils import epath

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import absolute, open_path
from cinegan_jax.evaluation.methods import LABELS
from cinegan_jax.evaluation.metric_facts import METRICS, facts
from cinegan_jax.evaluation.paired_difference import PairedDifference, paired_difference
from cinegan_jax.evaluation.result import Evaluation
from cinegan_jax.evaluation.result_file import RESULT_FILE, load

ALL_PAIRS = 4
"""Up to so many contenders every pair is compared; of more, each with the first."""
SAME_SCORE = 1e-3
"""By how much the score of one photo's input may differ between devices, relative."""

Scores = Mapping[str, Mapping[str, float]]
"""By photo, by metric."""


@dataclasses.dataclass(frozen=True)
class Contender:
    """What one method made, as one evaluation scored it.

    Attributes:
        label: for people.
        evaluation: with its scores.
        method: in it.
    """

    label: str
    evaluation: Evaluation
    method: str = "generator"

    def scores(self, protocol: str, reference: str, method: str = "") -> Scores:
        """Its scores, or those of another method in the same evaluation."""
        fields = {"protocol": protocol, "reference": reference, "method": method or self.method}
        return {photo.name: photo.scores for photo in self.evaluation.select(**fields)}


@dataclasses.dataclass(frozen=True)
class Difference:
    """The scores of `second` less those of `first`, by one metric on the photos of both."""

    protocol: str
    reference: str
    metric: str
    first: str
    second: str
    found: PairedDifference

    @property
    def better(self) -> str | None:
        """The label of the better one; None where they cannot be told apart."""
        if not self.found.told_apart:
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
class Comparison:
    """All differences, and the photos that not all contenders have."""

    differences: tuple[Difference, ...]
    left_out: Mapping[str, tuple[str, ...]]
    """Name of a photo -> labels of the contenders that lack it."""


def read_contenders(runs: Sequence[str]) -> list[Contender]:
    """The generators of runs or, of a single run, its fitted LUT and its generator.

    Args:
        runs: workdirs or folders of evaluations, or their evaluation.json.

    Raises:
        UserError: one has no evaluation, or one of sets alone, or is named twice.
    """
    evaluations = [load(_file(run)) for run in runs]
    for run, evaluation in zip(runs, evaluations, strict=True):
        if not evaluation.photos:
            raise UserError(
                f"{run} makes pictures of chance: its evaluation scores whole sets, and nothing "
                "can be compared photo by photo. Hold the tables of evaluation.md side by side"
            )
    if len(runs) == 1:
        return [Contender(LABELS[m], evaluations[0], m) for m in ("lut", "generator")]
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


def compare(contenders: Sequence[Contender], metric: str | None = None) -> Comparison:
    """Compares each contender with the first, and few of them all with all.

    Args:
        contenders: two or more, with labels that differ.
        metric: this one alone; None: all that both were scored by.

    Raises:
        UserError: they were scored on other photos, targets or sizes, or not by that metric.
    """
    for other in contenders[1:]:
        _check_comparable(contenders[0], other)
    if metric is not None:
        facts(metric)
    few = len(contenders) <= ALL_PAIRS
    pairs = combinations(contenders, 2) if few else ((contenders[0], c) for c in contenders[1:])
    found = tuple(d for pair in pairs for d in _differences(*pair, metric))
    if not found:
        raise UserError(f"the contenders have no scores in common by {metric or 'any metric'}")
    return Comparison(found, _left_out(contenders))


def _differences(first: Contender, second: Contender, metric: str | None) -> Iterator[Difference]:
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
                yield Difference(protocol, reference, name, first.label, second.label, difference)


def _groups(contender: Contender) -> list[tuple[str, str]]:
    photos = contender.evaluation.photos
    return list(dict.fromkeys((photo.protocol, photo.reference) for photo in photos))


def _check_comparable(first: Contender, other: Contender) -> None:
    """The plain photo's score tells whether photo and target are the same in both."""
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
            if not math.isclose(*values, rel_tol=SAME_SCORE):
                raise UserError(
                    f"{first.label} and {other.label} were scored on other pairs: the plain photo "
                    f"{name!r} has {values[0]:.2f} dB in one and {values[1]:.2f} dB in the other "
                    f"({' and '.join(_data(c) for c in (first, other))}); evaluate both on the same"
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
