"""The evaluation of methods on a test split, by all devices of all processes."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from rich.console import Console
from rich.progress import track

from cinegan_jax.core.errors import UserError
from cinegan_jax.data.examples import BrokenExample
from cinegan_jax.data.pairs import Pair, PairSource
from cinegan_jax.evaluation.methods import Method
from cinegan_jax.evaluation.protocols import prepare_pair
from cinegan_jax.evaluation.result import About, Evaluation, PhotoScore
from cinegan_jax.evaluation.scope import EVERYTHING, Scope
from cinegan_jax.evaluation.score import score_pictures
from cinegan_jax.evaluation.sets import SetScorer
from cinegan_jax.metrics.devices import gather_rows, map_on_devices, own_indices
from cinegan_jax.metrics.ssim import WINDOW


class Made(NamedTuple):
    """What one protocol makes of one pair."""

    pair: Pair
    """Prepared."""
    pictures: Mapping[str, np.ndarray]
    """By method."""


def evaluate(
    pairs: PairSource,
    methods: Mapping[str, Method],
    about: About,
    scope: Scope = EVERYTHING,
    sets: SetScorer | None = None,
    devices: Sequence[jax.Device] | None = None,
) -> Evaluation:
    """Scores each method on every pair by every protocol; all processes call it together.

    Pairs are read one at a time. One that is broken or too small is left out and named in the
    result. All pictures are compared as 8-bit ones, as they would be saved. The result is the same
    on every process, and the same for any number of them.

    Args:
        pairs: the pairs to score on.
        methods: by a name in `methods.LABELS`.
        about: what is evaluated.
        scope: by which protocols and metrics, and which pairs.
        sets: of these protocols and methods, to score sets too; it is still empty.
        devices: to take the place of all those of this process.

    Raises:
        UserError: not one pair could be scored, or there is no such protocol.
    """
    indices = _chosen(len(pairs), scope.limit)
    rows = gather_rows(_own_rows(pairs, indices, methods, scope, sets, devices))
    scores = tuple(PhotoScore(**score) for row in rows.values() for score in row["scores"])
    skipped = {row["name"]: row["reason"] for row in rows.values() if row["reason"]}
    if not scores:
        raise UserError(f"no test pair could be scored; left out: {skipped}")
    return Evaluation(scores, sets.scores() if sets else (), skipped, scope.size, about)


def _own_rows(
    pairs: PairSource,
    indices: Sequence[int],
    methods: Mapping[str, Method],
    scope: Scope,
    sets: SetScorer | None,
    devices: Sequence[jax.Device] | None,
) -> dict[int, dict[str, Any]]:
    """What this process has to tell of its share of the pairs, by their place among all."""

    def score(place: int) -> tuple[int, dict[str, Any], dict[str, Made]]:
        row, made = _row(pairs, indices[place], methods, scope)
        return place, row, made if sets else {}

    own, rows = own_indices(len(indices)), {}
    console = Console(stderr=True, quiet=jax.process_index() != 0)
    done = map_on_devices(score, own, devices)
    for place, row, made in track(done, "evaluate", len(own), console=console):
        rows[place] = row
        if sets:
            for protocol, (pair, pictures) in made.items():
                sets.add(protocol, pair, pictures)
    return rows


def _chosen(count: int, limit: int | None) -> Sequence[int]:
    if limit is None or limit >= count:
        return range(count)
    return [index * count // limit for index in range(limit)]


def _row(
    pairs: PairSource, index: int, methods: Mapping[str, Method], scope: Scope
) -> tuple[dict[str, Any], dict[str, Made]]:
    """What is to be told of one pair: its scores, or why it has none; and its pictures."""
    try:
        made = _make(pairs[index], methods, scope)
    except BrokenExample as broken:
        return {"name": broken.name, "reason": broken.reason, "scores": []}, {}
    scores = [score for item in made.items() for score in _scores(*item, scope)]
    return {"name": pairs.names[index], "reason": "", "scores": scores}, made


def _make(pair: Pair, methods: Mapping[str, Method], scope: Scope) -> dict[str, Made]:
    """All pictures of a pair, by protocol."""
    if min(pair.input.shape[:2]) < WINDOW:
        reason = f"smaller than SSIM's window of {WINDOW}x{WINDOW} pixels"
        raise BrokenExample(pair.name, reason)
    made = {}
    for protocol, prepare in scope.prepares.items():
        prepared = prepare_pair(pair, prepare)
        pictures = {name: method(prepared, prepare) for name, method in methods.items()}
        made[protocol] = Made(prepared, pictures)
    return made


def _scores(protocol: str, made: Made, scope: Scope) -> Iterator[dict[str, Any]]:
    """The fields of each `PhotoScore` of one pair by one protocol."""
    pair, pictures = made
    known = {"target": pair.target} | ({} if pair.clean is None else {"clean": pair.clean})
    pictured, sought = list(pictures.values()), list(known.values())
    found = score_pictures(pictured, sought, scope.metrics, scope.learned)
    for reference, of_methods in zip(known, found, strict=True):
        for method, scores in zip(pictures, of_methods, strict=True):
            score = PhotoScore(pair.name, protocol, reference, method, scores)
            yield dataclasses.asdict(score)
