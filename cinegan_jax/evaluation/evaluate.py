"""The evaluation of a generator on a test split."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

import numpy as np
from rich.console import Console
from rich.progress import track

from cinegan_jax.data.pairs import BrokenPair, Pair, PairSource
from cinegan_jax.errors import UserError
from cinegan_jax.evaluation.baselines import fit_lut_baseline, lut_generate
from cinegan_jax.evaluation.compare import compare
from cinegan_jax.evaluation.protocols import Prepare, protocols
from cinegan_jax.evaluation.result import Evaluation, Score
from cinegan_jax.inference.generate import Generate
from cinegan_jax.metrics.ssim import WINDOW

Key = tuple[str, str, str]
"""Protocol, reference and method."""


def evaluate(
    test: PairSource,
    train: PairSource,
    generate: Generate | None,
    *,
    size: int = 512,
    seed: int = 0,
) -> Evaluation:
    """Scores input, fitted LUT and generator on every test pair, by every protocol.

    Pairs are read one at a time. One that is broken or too small is skipped and named in the
    result. All pictures are compared as 8-bit ones, as they would be saved.

    Args:
        test: the pairs to score on.
        train: the pairs to fit the LUT to.
        generate: the generator; without one only the baselines are scored.
        size: side of the `filmnet` protocol's squashed pictures.
        seed: for the pixels the LUT is fitted to.

    Raises:
        UserError: not one pair could be scored.
    """
    methods: dict[str, Generate] = {"input": lambda photo: photo}
    methods["lut"] = lut_generate(fit_lut_baseline(train, seed=seed))
    if generate is not None:
        methods["generator"] = generate
    return score_methods(test, methods, size)


def score_methods(pairs: PairSource, methods: Mapping[str, Generate], size: int) -> Evaluation:
    """Scores each method on every pair by every protocol; see `evaluate`."""
    found: dict[Key, list[np.ndarray]] = defaultdict(list)
    skipped: dict[str, str] = {}
    for pair in _readable(pairs, skipped):
        for protocol, prepare in protocols(size).items():
            for (reference, method), scores in _score_pair(pair, methods, prepare):
                found[protocol, reference, method].append(scores)
    if not found:
        raise UserError(f"no test pair could be scored; left out: {skipped}")
    return Evaluation(tuple(_mean(*item) for item in found.items()), skipped, size)


def _readable(pairs: PairSource, skipped: dict[str, str]) -> Iterator[Pair]:
    """The pairs that can be scored, one at a time; the others go into `skipped`."""
    for index in track(range(len(pairs)), "evaluate", console=Console(stderr=True)):
        try:
            pair = pairs[index]
        except BrokenPair as broken:
            skipped[broken.name] = broken.reason
            continue
        if min(pair.input.shape[:2]) < WINDOW:
            skipped[pair.name] = f"smaller than SSIM's window of {WINDOW}x{WINDOW} pixels"
        else:
            yield pair


def _score_pair(
    pair: Pair, methods: Mapping[str, Generate], prepare: Prepare
) -> Iterator[tuple[tuple[str, str], np.ndarray]]:
    """((reference, method), scores) of one pair."""
    photo = prepare(pair.input)
    pictures = [generate(photo) for generate in methods.values()]
    for reference, picture in (("target", pair.target), ("clean", pair.clean)):
        if picture is not None:
            scores = compare(pictures, prepare(picture))
            yield from zip([(reference, method) for method in methods], scores, strict=True)


def _mean(key: Key, scores: list[np.ndarray]) -> Score:
    psnr, ssim, delta_e = np.stack(scores).astype(np.float64).mean(axis=0).tolist()
    return Score(*key, pictures=len(scores), psnr=psnr, ssim=ssim, delta_e=delta_e)
