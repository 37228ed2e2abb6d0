"""The evaluation of methods on a test split, by all devices of all processes."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
from rich.console import Console
from rich.progress import track

from cinegan_jax.data.pairs import BrokenPair, Pair, PairSource
from cinegan_jax.errors import UserError
from cinegan_jax.evaluation.methods import Method
from cinegan_jax.evaluation.metric_facts import MAIN_METRICS
from cinegan_jax.evaluation.protocols import FILMNET_SIZE, PROTOCOLS, Prepare, protocols
from cinegan_jax.evaluation.result import About, Evaluation, PhotoScore
from cinegan_jax.evaluation.score import score_pictures
from cinegan_jax.metrics.paired import PAIRED_METRICS, PairedMetric, lpips_metric
from cinegan_jax.metrics.spread import gather_rows, map_on_devices, own_indices
from cinegan_jax.metrics.ssim import WINDOW


@dataclasses.dataclass(frozen=True)
class Scope:
    """What is scored.

    Attributes:
        protocols: their names.
        size: side of the `filmnet` protocol's squashed pictures.
        limit: so many pairs, spread evenly over the split; None: all.
        metrics: names in `PAIRED_METRICS`.
        learned: further metrics of single pictures, with weights of their own.
    """

    protocols: tuple[str, ...] = PROTOCOLS
    size: int = FILMNET_SIZE
    limit: int | None = None
    metrics: tuple[str, ...] = tuple(PAIRED_METRICS)
    learned: tuple[PairedMetric, ...] = ()

    @cached_property
    def prepares(self) -> Mapping[str, Prepare]:
        """What prepares pictures, by protocol.

        Raises:
            UserError: there is no protocol of a name.
        """
        return protocols(self.size, self.protocols)


EVERYTHING = Scope()


def make_scope(
    protocol: str, limit: int | None, without: Iterable[str], lpips: Path | None
) -> Scope:
    """The scope that options ask for.

    Args:
        protocol: one protocol, or `all`.
        limit: as `Scope`.
        without: metrics to leave out; those of the main table cannot be.
        lpips: file to score LPIPS by.

    Raises:
        UserError: there is no such metric to leave out, or the file cannot be used.
    """
    optional = [name for name in PAIRED_METRICS if name not in MAIN_METRICS]
    for name in without:
        if name not in optional:
            raise UserError(f"--without {name}: it is not one of {', '.join(optional)}")
    return Scope(
        protocols=PROTOCOLS if protocol == "all" else (protocol,),
        limit=limit,
        metrics=tuple(name for name in PAIRED_METRICS if name not in without),
        learned=(lpips_metric(lpips),) if lpips else (),
    )


def evaluate(
    pairs: PairSource,
    methods: Mapping[str, Method],
    about: About,
    scope: Scope = EVERYTHING,
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
        devices: to take the place of all those of this process.

    Raises:
        UserError: not one pair could be scored, or there is no such protocol.
    """
    indices = _chosen(len(pairs), scope.limit)

    def score(place: int) -> tuple[int, dict[str, Any]]:
        return place, _row(pairs, indices[place], methods, scope)

    done = map_on_devices(score, own_indices(len(indices)), devices)
    total = len(own_indices(len(indices)))
    console = Console(stderr=True, quiet=jax.process_index() != 0)
    rows = gather_rows(dict(track(done, "evaluate", total, console=console)))
    scores = tuple(PhotoScore(**score) for row in rows.values() for score in row["scores"])
    skipped = {row["name"]: row["reason"] for row in rows.values() if row["reason"]}
    if not scores:
        raise UserError(f"no test pair could be scored; left out: {skipped}")
    return Evaluation(scores, (), skipped, scope.size, about)


def _chosen(count: int, limit: int | None) -> range | list[int]:
    if limit is None or limit >= count:
        return range(count)
    return [index * count // limit for index in range(limit)]


def _row(
    pairs: PairSource, index: int, methods: Mapping[str, Method], scope: Scope
) -> dict[str, Any]:
    """What is to be told of one pair: its scores, or why it has none."""
    try:
        pair = pairs[index]
        if min(pair.input.shape[:2]) < WINDOW:
            reason = f"smaller than SSIM's window of {WINDOW}x{WINDOW} pixels"
            raise BrokenPair(pair.name, reason)
        scores = [
            score
            for protocol in scope.prepares
            for score in _scores(pair, methods, protocol, scope)
        ]
    except BrokenPair as broken:
        return {"name": broken.name, "reason": broken.reason, "scores": []}
    return {"name": pair.name, "reason": "", "scores": scores}


def _scores(
    pair: Pair, methods: Mapping[str, Method], protocol: str, scope: Scope
) -> Iterator[dict[str, Any]]:
    """The fields of each `PhotoScore` of one pair by one protocol."""
    prepare = scope.prepares[protocol]
    prepared = prepare_pair(pair, prepare)
    pictures = [method(prepared, prepare) for method in methods.values()]
    for reference, picture in (("target", prepared.target), ("clean", prepared.clean)):
        if picture is None:
            continue
        found = score_pictures(pictures, picture, scope.metrics, scope.learned)
        for method, scores in zip(methods, found, strict=True):
            fields = (pair.name, protocol, reference, method, scores)
            names = (field.name for field in dataclasses.fields(PhotoScore))
            yield dict(zip(names, fields, strict=True))


def prepare_pair(pair: Pair, prepare: Prepare) -> Pair:
    """The pair with all its pictures prepared."""
    clean = None if pair.clean is None else prepare(pair.clean)
    return Pair(pair.name, prepare(pair.input), prepare(pair.target), clean)
