"""Results of an evaluation: every score, their summaries, and the file that holds them."""

import dataclasses
import json
import math
from collections import defaultdict
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.json_file import parse_json
from cinegan_jax.core.storage import AnyPath, write_whole
from cinegan_jax.evaluation.intervals import mean_interval
from cinegan_jax.metrics.registry import facts

METHOD_LABELS: Mapping[str, str] = {
    "input": "input",
    "lut": "fitted LUT",
    "affine": "per-photo affine",
    "training": "training images",
    "generator": "generator",
}
"""Methods by their names in files, in the order of tables."""
HELD_OUT_IMAGES = "held-out images"
"""The reference of sets of unconditional samples."""

RESULT_FILE = "evaluation.json"
_FORMAT = "cinegan-evaluation"
_VERSION = 3
_READABLE = (2, 3)
"""Version 1 had means only; version 2 said "pictures" for images."""
_REFERENCES_OF_VERSION_2 = {"held-out pictures": HELD_OUT_IMAGES}


@dataclasses.dataclass(frozen=True)
class PhotoScore:
    """Scores of one method's image of one photo."""

    name: str
    """Name of the photo in its split."""
    protocol: str
    """How images were prepared: a name in `PROTOCOLS`."""
    reference: str
    """Name of the compared image: `target`, or `clean`, the target without its grain."""
    method: str
    """A name in `METHOD_LABELS`."""
    scores: Mapping[str, float]
    """Score by metric, a name in `METRICS`.

    NaN where a photo has no score; PSNR is infinite where the image equals its reference."""


@dataclasses.dataclass(frozen=True)
class SetScore:
    """Scores of all images of one method together, such as FID."""

    protocol: str
    reference: str
    method: str
    photos: int
    """Number of images."""
    scores: Mapping[str, float]
    """Score by metric, a name in `SET_METRICS`."""
    notes: tuple[str, ...] = ()
    """Remarks on the scores, such as that the sets are too small."""


@dataclasses.dataclass(frozen=True)
class About:
    """Description of an evaluation, for people."""

    target: str
    """The workdir, look or folder of results."""
    data: str
    look: str
    split: str = "test"
    step: int | None = None
    """Step of the checkpoint, where there was one."""
    weights: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Files of networks that metrics used, by metric."""
    versions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Versions of packages."""


@dataclasses.dataclass(frozen=True)
class Summary:
    """One metric of one method over all photos."""

    protocol: str
    reference: str
    method: str
    metric: str
    photos: int
    """Photos that have a score; the others are left out of everything below."""
    mean: float
    """Infinite if any photo's score is."""
    median: float
    std: float
    """Standard deviation over photos; NaN where the mean is infinite."""
    low: float
    """Lower end of the 95 % interval of the mean; see `mean_interval`."""
    high: float


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Every score of one evaluation, and the pairs that it left out."""

    photos: tuple[PhotoScore, ...]
    sets: tuple[SetScore, ...]
    skipped: Mapping[str, str]
    """Name of a pair left out -> reason."""
    size: int
    """Side of the squashed images of the `filmnet` protocol, in pixels."""
    about: About

    def select(self, **fields: str) -> tuple[PhotoScore, ...]:
        """Return the photos' scores whose fields have these values, such as `protocol="native"`."""
        return tuple(score for score in self.photos if _has(score, fields))

    def summaries(self, **fields: str) -> tuple[Summary, ...]:
        """Return the summaries whose fields have these values, such as `metric="psnr"`."""
        return tuple(summary for summary in self._summaries if _has(summary, fields))

    def worst(
        self, protocol: str, reference: str, method: str, metric: str, count: int = 10
    ) -> tuple[PhotoScore, ...]:
        """Return the photos on which a method scores worst, the worst first.

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
            _summary(*group, metric, [scores.get(metric, math.nan) for scores in found])
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


def save(evaluation: Evaluation, path: AnyPath) -> None:
    """Write an evaluation as JSON; numbers that JSON lacks become "inf", "-inf" and "nan".

    `summaries` are for other readers: they follow from `photos`, and `load` ignores them.

    Raises:
        OSError: the file cannot be written.
    """
    content = {"format": _FORMAT, "version": _VERSION, **dataclasses.asdict(evaluation)}
    content["summaries"] = [dataclasses.asdict(summary) for summary in evaluation.summaries()]
    write_whole(path, json.dumps(_spelled(content), indent=1, allow_nan=False) + "\n")


def load(path: AnyPath) -> Evaluation:
    """Read an evaluation that `save` of this or an earlier version wrote.

    Raises:
        UserError: the file is missing, damaged, or of another kind or version.
    """
    try:
        content = parse_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise UserError(f"{path} is no JSON ({error}); run the evaluation again") from error
    _check_version(content, path)
    try:
        return Evaluation(
            tuple(_scored(PhotoScore, row) for row in content["photos"]),
            tuple(
                _scored(SetScore, {**row, "notes": tuple(row["notes"])}) for row in content["sets"]
            ),
            content["skipped"],
            content["size"],
            About(**content["about"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise UserError(f"{path} is damaged ({error!r}); run the evaluation again") from error


def _check_version(content: Any, path: AnyPath) -> None:
    found = content if isinstance(content, dict) else {}
    if "scores" in found and "format" not in found:
        raise UserError(
            f"{path} has means only, from an earlier version of this program, and no photo's "
            "scores; run the evaluation again"
        )
    if found.get("format") != _FORMAT or found.get("version") not in _READABLE:
        raise UserError(
            f"{path} is no evaluation that can be read: it has format {found.get('format')!r} "
            f"version {found.get('version')!r}, needed is {_FORMAT!r} version {_VERSION}; run the "
            "evaluation again"
        )


def _scored(kind: type, row: Mapping[str, Any]) -> Any:
    scores = {metric: float(value) for metric, value in row["scores"].items()}
    for name in {"name", "protocol", "reference", "method"} & row.keys():
        if not isinstance(row[name], str):
            raise TypeError(f"{name} is {row[name]!r:.40}, not a text")
    reference = _REFERENCES_OF_VERSION_2.get(row["reference"], row["reference"])
    return kind(**{**row, "reference": reference, "scores": scores})


def _spelled(content: Any) -> Any:
    """Return the content with infinite numbers and NaN as words, which `float` reads."""
    if isinstance(content, Mapping):
        return {key: _spelled(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_spelled(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return str(content)
    return content
