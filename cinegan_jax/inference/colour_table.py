"""The colours of a generator as a LUT.

A generator also looks at what surrounds a colour; a LUT gives each colour one answer, the mean of
those that photographs get. Photos in other light add the colours that no photo has, each in the
surroundings of a real picture, since a generator answers a chart of flat patches differently.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image, ImageOps
from scipy.optimize import isotonic_regression

from cinegan_jax.data.variants import vary
from cinegan_jax.inference.trained_look import TrainedLook, apply_generator
from cinegan_jax.ops.images import to_signed, to_unit
from cinegan_jax.ops.lut import fit_lut
from cinegan_jax.types import Params

FIT_SIZE = 33
"""Nodes an axis. More only follow what surroundings do: 65 miss held-out photos by 3 % more."""
SMOOTHNESS = 1.0
LONG_SIDE, SHORT_SIDE = 384, 256
"""Of the photos that the generator sees. One shape, so that little is compiled."""
PIXELS = 300_000
"""From all photos together; as many from their variants, before those are thinned."""
VARIANTS = 2
"""Of each photo, in other light."""
CELLS = 16
"""Boxes an axis, in which variants are thinned."""
CELL_PIXELS = 30
"""Most pixels of variants in a box: enough to say what a colour becomes where no photo has it, too
few to outvote photos where they do."""

Develop = Callable[[np.ndarray], np.ndarray]
"""A photo, uint8 [h, w, 3] with sides that are multiples of 8, to unit float32 [h, w, 3]."""


def make_develop(look: TrainedLook, strength: float = 1.0) -> Develop:
    """The look, photo + strength * (look - photo) clipped to unit range, without grain."""

    @jax.jit
    def develop(kernels: Params, photo: jax.Array) -> jax.Array:
        before = to_signed(photo)[None]
        after = apply_generator(look.generator, kernels, before)
        return jnp.clip(to_unit(before + strength * (after - before))[0], 0.0, 1.0)

    return lambda photo: np.asarray(develop(look.kernels, photo))


def reduce(photo: np.ndarray) -> np.ndarray:
    """uint8 [h, w, 3] as 384x256 or 256x384: scaled (Lanczos), what is too long is cut off."""
    upright = photo.shape[0] > photo.shape[1]
    box = (SHORT_SIDE, LONG_SIDE) if upright else (LONG_SIDE, SHORT_SIDE)
    return np.asarray(ImageOps.fit(Image.fromarray(photo), box, Image.Resampling.LANCZOS))


def fit_colour_table(develop: Develop, photos: Sequence[np.ndarray], seed: int = 0) -> np.ndarray:
    """The LUT of a look's colours.

    Args:
      develop: the look.
      photos: what it is shown, as `reduce` makes them; at least one.
      seed: of the pixels that are taken and of the photos' variants.

    Returns:
      float32 [33, 33, 33, 3] as in `ops.lut`, monotone as `monotone` makes it.
    """
    rng = np.random.default_rng(seed)
    variants = [vary(photo, int(rng.integers(2**32))) for photo in photos for _ in range(VARIANTS)]
    seen = _pixel_pairs(develop, photos, rng)
    added = _thinned(*_pixel_pairs(develop, variants, rng), rng)
    inputs, targets = (np.concatenate(both) for both in zip(seen, added, strict=True))
    return monotone(fit_lut(inputs, targets, FIT_SIZE, SMOOTHNESS))


def monotone(lut: np.ndarray) -> np.ndarray:
    """The nearest LUT in the least squares in which no channel falls as its own input rises.

    Red along the axis of red, and so on (isotonic regression). So no gradient turns back; channels
    may still fall as others rise, as saturated film colours do.

    Args:
      lut: [n, n, n, 3] as in `ops.lut`.

    Returns:
      float32 of the same shape.
    """
    rising = np.empty(lut.shape, np.float32)
    for channel in range(3):
        lines = np.moveaxis(lut[..., channel], channel, -1)
        fitted = [isotonic_regression(line).x for line in lines.reshape(-1, lines.shape[-1])]
        rising[..., channel] = np.moveaxis(np.reshape(fitted, lines.shape), -1, channel)
    return rising


def _pixel_pairs(
    develop: Develop, photos: Sequence[np.ndarray], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Random pixels, as many of each photo, before and after: unit [p, 3] each."""
    before, after = [], []
    for photo in photos:
        picks = rng.integers(photo[..., 0].size, size=-(-PIXELS // len(photos)))
        before.append(photo.reshape(-1, 3)[picks] / np.float32(255))
        after.append(develop(photo).reshape(-1, 3)[picks])
    return np.concatenate(before), np.concatenate(after)


def _thinned(
    before: np.ndarray, after: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The pixel pairs [p, 3], no more than CELL_PIXELS of them in a box of the colour cube."""
    boxes = np.minimum((before * CELLS).astype(int), CELLS - 1) @ [CELLS * CELLS, CELLS, 1]
    order = rng.permutation(len(boxes))
    order = order[np.argsort(boxes[order], kind="stable")]
    ordered = boxes[order]
    rank = np.arange(len(ordered)) - np.searchsorted(ordered, ordered)
    kept = order[rank < CELL_PIXELS]
    return before[kept], after[kept]
