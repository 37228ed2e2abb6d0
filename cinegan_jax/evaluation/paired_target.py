"""Evaluation on image pairs: each method's image of a photo against the photo's target."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import jax
import numpy as np
from rich.console import Console
from rich.progress import track

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import AnyPath
from cinegan_jax.data.examples import BrokenExample
from cinegan_jax.data.pairs import Pair, PairSource, open_pairs
from cinegan_jax.data.shard_cache import CACHE
from cinegan_jax.evaluation.methods import (
    PairMethod,
    fit_lut_baseline,
    lut_generate,
    per_photo_affine,
    photo_method,
    unchanged,
)
from cinegan_jax.evaluation.paired_page import write_paired_results
from cinegan_jax.evaluation.result import RESULT_FILE, About, Evaluation, PhotoScore
from cinegan_jax.evaluation.scope import Scope, prepare_pair
from cinegan_jax.evaluation.scoring import SetScorer, open_set_scorer, score_images
from cinegan_jax.metrics.devices import gather_rows, map_on_devices, own_indices
from cinegan_jax.metrics.psnr_ssim import SSIM_WINDOW


@dataclasses.dataclass(frozen=True)
class PairedTarget:
    """A method that changes photos, with the pairs that it is scored on; a `Target`.

    Attributes:
        method: makes the generator's images.
        about: names the target, its data and its look.
        scope: protocols, metrics and number of pairs.
        cache: local folder for shards of a bucket.
        seed: of the pixels that the LUT is fitted to.
    """

    files: ClassVar[tuple[str, ...]] = (
        RESULT_FILE,
        "evaluation.md",
        "evaluation.html",
        "before_after.png",
        "worst.jpg",
    )

    method: PairMethod
    about: About
    scope: Scope
    cache: str = CACHE
    seed: int = 0

    @cached_property
    def test_pairs(self) -> PairSource:
        """The pairs to score on.

        Raises:
            UserError: there are none, as `open_pairs`.
        """
        return open_pairs(self.about.data, self.about.split, self.about.look, self.cache)

    @cached_property
    def methods(self) -> Mapping[str, PairMethod]:
        """All methods by name, in the order of tables; the first access fits the LUT.

        Raises:
            UserError: there are no training pairs to fit the LUT to.
        """
        train = open_pairs(self.about.data, "train", self.about.look, self.cache)
        return {
            "input": unchanged,
            "lut": photo_method(lut_generate(fit_lut_baseline(train, seed=self.seed))),
            "affine": per_photo_affine,
            "generator": self.method,
        }

    def score(self) -> Evaluation:
        """Score every method on every pair; see `score_pairs`."""
        scope, sets = self.scope, None
        if scope.inception:
            sets = open_set_scorer(scope.inception, scope.protocols, self.methods)
        about = dataclasses.replace(self.about, weights=scope.weights)
        return score_pairs(self.test_pairs, self.methods, about, scope, sets)

    def write(self, evaluation: Evaluation, folder: AnyPath) -> None:
        """Write scores, tables, a page with images and two contact sheets."""
        write_paired_results(evaluation, self.test_pairs, self.methods, folder, self.files)


def score_pairs(
    pairs: PairSource,
    methods: Mapping[str, PairMethod],
    about: About,
    scope: Scope,
    sets: SetScorer | None = None,
    devices: Sequence[jax.Device] | None = None,
) -> Evaluation:
    """Score each method on every pair by every protocol; all processes must call it together.

    Pairs are read one at a time. A pair that is broken or too small is left out and named in the
    result. All images are compared as 8-bit ones, as they would be saved. The result is the same
    on every process, and the same for any number of them.

    Args:
        pairs: the pairs to score on.
        methods: by a name in `METHOD_LABELS`.
        about: what is evaluated.
        scope: protocols, metrics and number of pairs.
        sets: scores sets of these protocols and methods too; it must be empty.
        devices: to use instead of all devices of this process.

    Raises:
        UserError: no pair could be scored, or there is no such protocol.
    """
    indices = _evenly_spaced(len(pairs), scope.limit)
    rows = gather_rows(_own_rows(pairs, indices, methods, scope, sets, devices))
    scores = tuple(PhotoScore(**score) for row in rows.values() for score in row["scores"])
    skipped = {row["name"]: row["reason"] for row in rows.values() if row["reason"]}
    if not scores:
        raise UserError(f"no test pair could be scored; left out: {skipped}")
    return Evaluation(scores, sets.scores() if sets else (), skipped, scope.size, about)


class _Prepared(NamedTuple):
    """A prepared pair and each method's image of it."""

    pair: Pair
    images: Mapping[str, np.ndarray]


def _evenly_spaced(count: int, limit: int | None) -> Sequence[int]:
    if limit is None or limit >= count:
        return range(count)
    return [index * count // limit for index in range(limit)]


def _own_rows(
    pairs: PairSource,
    indices: Sequence[int],
    methods: Mapping[str, PairMethod],
    scope: Scope,
    sets: SetScorer | None,
    devices: Sequence[jax.Device] | None,
) -> dict[int, dict[str, Any]]:
    """Return the rows of this process' share of the pairs, by their place among all pairs."""

    def score(place: int) -> tuple[int, dict[str, Any], dict[str, _Prepared]]:
        row, prepared = _row(pairs, indices[place], methods, scope)
        return place, row, prepared if sets else {}

    own, rows = own_indices(len(indices)), {}
    console = Console(stderr=True, quiet=jax.process_index() != 0)
    done = map_on_devices(score, own, devices)
    for place, row, prepared in track(done, "evaluate", len(own), console=console):
        rows[place] = row
        if sets:
            for protocol, (pair, images) in prepared.items():
                sets.add(protocol, pair, images)
    return rows


def _row(
    pairs: PairSource, index: int, methods: Mapping[str, PairMethod], scope: Scope
) -> tuple[dict[str, Any], dict[str, _Prepared]]:
    """Return the scores of one pair, or why it has none, and its images by protocol."""
    try:
        prepared = _prepare(pairs[index], methods, scope)
    except BrokenExample as broken:
        return {"name": broken.name, "reason": broken.reason, "scores": []}, {}
    scores = [score for item in prepared.items() for score in _scores(*item, scope)]
    return {"name": pairs.names[index], "reason": "", "scores": scores}, prepared


def _prepare(pair: Pair, methods: Mapping[str, PairMethod], scope: Scope) -> dict[str, _Prepared]:
    """Return the prepared pair and every method's image of it, by protocol."""
    if min(pair.input.shape[:2]) < SSIM_WINDOW:
        reason = f"smaller than SSIM's window of {SSIM_WINDOW}x{SSIM_WINDOW} pixels"
        raise BrokenExample(pair.name, reason)
    found = {}
    for protocol, prepare in scope.prepares.items():
        prepared = prepare_pair(pair, prepare)
        images = {name: method(prepared, prepare) for name, method in methods.items()}
        found[protocol] = _Prepared(prepared, images)
    return found


def _scores(protocol: str, prepared: _Prepared, scope: Scope) -> Iterator[dict[str, Any]]:
    """Yield the fields of each `PhotoScore` of one pair by one protocol."""
    pair, images = prepared
    known = {"target": pair.target} | ({} if pair.clean is None else {"clean": pair.clean})
    references = list(known.values())
    found = score_images(list(images.values()), references, scope.metrics, scope.learned)
    for reference, by_method in zip(known, found, strict=True):
        for method, scores in zip(images, by_method, strict=True):
            yield dataclasses.asdict(PhotoScore(pair.name, protocol, reference, method, scores))
