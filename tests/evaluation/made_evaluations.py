"""Evaluations made by hand, and images for them."""

from collections.abc import Iterable, Iterator

import numpy as np

from cinegan_jax.evaluation.paired_page import PhotoImages
from cinegan_jax.evaluation.result import About, Evaluation, PhotoScore, SetScore

NAMES = tuple(f"photo {number:02}" for number in range(12))


def evaluation_of(
    names: tuple[str, ...] = NAMES,
    sets: tuple[SetScore, ...] = (),
    look: str = "Look",
    **psnr: float,
) -> Evaluation:
    """Make an evaluation of four methods on these photos, each with scores near one PSNR."""
    rng = np.random.default_rng(7)
    levels = {"input": 23.0, "lut": 35.0, "affine": 30.0, "generator": 40.0} | psnr
    photos = tuple(
        PhotoScore(name, "native", "target", method, _scores(level + rng.normal()))
        for method, level in levels.items()
        for name in names
    )
    return Evaluation(photos, sets, {}, 512, About("run", "pairs", look, step=400))


def _scores(psnr: float) -> dict[str, float]:
    error = 10 ** (-psnr / 20)
    return {
        "psnr": psnr,
        "ssim": 1 - error,
        "delta_e_76": 100 * error,
        "delta_e_2000": 60 * error,
    }


def flat_images(names: Iterable[str]) -> Iterator[PhotoImages]:
    """Photos of one grey, results and targets of one colour each."""
    for name in names:
        results = {
            "lut": _flat(255, 0, 0),
            "affine": _flat(0, 255, 0),
            "generator": _flat(0, 0, 255),
        }
        yield PhotoImages(name, _flat(128, 128, 128), _flat(255, 255, 0), results)


def _flat(*colour: int) -> np.ndarray:
    return np.full((40, 60, 3), colour, np.uint8)
