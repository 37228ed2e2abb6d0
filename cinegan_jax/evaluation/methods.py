"""What makes pictures of photos, and is scored: baselines, generators, results of others."""

from collections.abc import Callable, Mapping

import numpy as np

from cinegan_jax.data.pairs import Pair
from cinegan_jax.evaluation.protocols import Prepare
from cinegan_jax.inference.network import Generate

Method = Callable[[Pair, Prepare], np.ndarray]
"""A pair, prepared, and what prepared it, to the picture made of its input: uint8, of its shape.

Raises BrokenExample where there is no picture."""

LABELS: Mapping[str, str] = {
    "input": "input",
    "lut": "fitted LUT",
    "affine": "per-photo affine",
    "training": "training pictures",
    "generator": "generator",
}
"""Methods by the name in files and options, in the order of tables."""


def unchanged(pair: Pair, _: Prepare) -> np.ndarray:
    """The photo itself."""
    return pair.input


def of_photo(generate: Generate) -> Method:
    """A method that sees the photo alone."""
    return lambda pair, _: generate(pair.input)


def per_photo_affine(pair: Pair, _: Prepare) -> np.ndarray:
    """The photo by the affine map of colours that brings it nearest to its own target.

    An oracle, since it is fitted to what it is then compared with (least squares over all pixels,
    12 numbers): no method that moves all colours of a photo by one affine map has a better PSNR,
    but for clipping and rounding.
    """
    pixels = pair.input.reshape(-1, 3).astype(np.float64)
    known = np.concatenate([pixels, np.ones((len(pixels), 1))], axis=1)
    wanted = pair.target.reshape(-1, 3).astype(np.float64)
    matrix = np.linalg.lstsq(known.T @ known, known.T @ wanted)[0]  # solvable for one colour too
    levels = np.rint(np.clip(known @ matrix, 0, 255))
    return levels.astype(np.uint8).reshape(pair.input.shape)
