"""Fit a LUT to the colours of a generator.

A generator's result for a colour depends on its surroundings; a LUT gives each colour one result,
the mean over photos. Variants of the photos at other exposures add colours that no photo has. They
show these colours in the surroundings of a real photo, because a generator changes a chart of flat
patches differently.
"""

import contextlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image, ImageOps

from cinegan_jax.core.types import Params
from cinegan_jax.film.exposure_variants import vary
from cinegan_jax.inference.look import Look
from cinegan_jax.ops.images import to_unit
from cinegan_jax.ops.lut import apply_lut, fit_lut, identity_lut
from cinegan_jax.photos.decode import decode
from cinegan_jax.photos.photo import UnreadablePhoto

FIT_SIZE = 33
"""Number of nodes per axis. With 65 the error on held-out photos is 3 % larger."""
LONG_SIDE, SHORT_SIDE = 384, 256
"""Sides of the photos that the generator sees; one shape, so that few programs are compiled."""
PIXELS = 300_000
"""Number of pixels from all photos together, and from all variants before thinning."""
_VARIANTS = 2
"""Number of variants of each photo, at other exposures."""
_CELLS = 16
"""Number of boxes per axis of the colour cube, for thinning the variants' pixels."""
_CELL_PIXELS = 30
"""Maximum number of the variants' pixels in a box: enough to define colours that no photo has, and
too few to outweigh the photos."""

Develop = Callable[[np.ndarray], np.ndarray]
"""A look as a function: uint8 [h, w, 3] with sides in multiples of 8 to unit float32 [h, w, 3]."""


def make_develop(look: Look, strength: float = 1.0) -> Develop:
    """Return the function photo + strength * (look - photo), clipped to unit range, no grain."""
    apply, params = look.network()

    @jax.jit
    def develop(params: Params, photo: jax.Array) -> jax.Array:
        before = to_unit(photo)[None]
        after = apply(params, before)
        return jnp.clip((before + strength * (after - before))[0], 0.0, 1.0)

    return lambda photo: np.asarray(develop(params, photo))


def read_photos(
    files: Iterable[Path], decode: Callable[[Path, int], np.ndarray] = decode
) -> list[np.ndarray]:
    """Read photos as uint8 [256, 384, 3], or [384, 256, 3] if upright, skipping broken files.

    Photos are scaled (Lanczos) and cropped at both ends to this aspect ratio.

    Args:
      files: the photos.
      decode: decodes a file, as `photos.decode.decode` does.
    """
    photos = []
    for file in files:
        with contextlib.suppress(UnreadablePhoto):
            photos.append(_reduced(decode(file, SHORT_SIDE)))
    return photos


def fit_colour_table(develop: Develop, photos: Sequence[np.ndarray], seed: int = 0) -> np.ndarray:
    """Fit a LUT to the colours of a look.

    Args:
      develop: the look.
      photos: at least one, as from `read_photos`.
      seed: for the choice of pixels and for the photos' variants.

    Returns:
      float32 [33, 33, 33, 3] as in `ops.lut`, monotone as from `monotone`.
    """
    rng = np.random.default_rng(seed)
    variants = [vary(photo, int(rng.integers(2**32))) for photo in photos for _ in range(_VARIANTS)]
    seen = _pixel_pairs(develop, photos, rng)
    added = _thinned(*_pixel_pairs(develop, variants, rng), rng)
    inputs, targets = (np.concatenate(both) for both in zip(seen, added, strict=True))
    return monotone(fit_lut(inputs, targets, FIT_SIZE))


def monotone(lut: np.ndarray) -> np.ndarray:
    """Make a LUT monotone: no channel falls along its own input or along the greys.

    Gradients of a photo then stay in order. A channel may still fall as another input rises, as in
    saturated film colours. The result is midway between the lowest monotone LUT above and the
    highest one below.

    Args:
      lut: [n, n, n, 3] as in `ops.lut`.

    Returns:
      A LUT of the same shape and type, equal to `lut` where that is monotone.
    """
    return np.stack([_monotone(lut[..., channel], channel) for channel in range(3)], axis=-1)


def _monotone(values: np.ndarray, axis: int) -> np.ndarray:
    """Make one channel [n, n, n] monotone along `axis` and along the greys."""
    along = np.moveaxis(values, axis, 0)
    above = _raised(along)
    below = -np.flip(_raised(-np.flip(along)))
    return np.moveaxis((above + below) / 2, 0, axis)


def _raised(values: np.ndarray) -> np.ndarray:
    """Raise every value of [n, n, n] that falls along the first axis or along the greys."""
    raised = values.copy()
    for i in range(1, len(raised)):
        raised[i] = np.maximum(raised[i], raised[i - 1])
        raised[i, i, i] = max(raised[i, i, i], raised[i - 1, i - 1, i - 1])
    return raised


def resize_lut(lut: np.ndarray, size: int) -> np.ndarray:
    """Resample a LUT to `size` nodes per axis by trilinear interpolation, in float32."""
    return np.asarray(apply_lut(lut, identity_lut(size)))


def _reduced(photo: np.ndarray) -> np.ndarray:
    upright = photo.shape[0] > photo.shape[1]
    box = (SHORT_SIDE, LONG_SIDE) if upright else (LONG_SIDE, SHORT_SIDE)
    return np.asarray(ImageOps.fit(Image.fromarray(photo), box, Image.Resampling.LANCZOS))


def _pixel_pairs(
    develop: Develop, photos: Sequence[np.ndarray], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw equally many pixels of each photo, before and after the look: unit [p, 3] each."""
    before, after = [], []
    for photo in photos:
        picks = rng.integers(photo[..., 0].size, size=-(-PIXELS // len(photos)))
        before.append(photo.reshape(-1, 3)[picks] / np.float32(255))
        after.append(develop(photo).reshape(-1, 3)[picks])
    return np.concatenate(before), np.concatenate(after)


def _thinned(
    before: np.ndarray, after: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Keep at most `_CELL_PIXELS` pixel pairs [p, 3] in each box of the colour cube."""
    boxes = np.minimum((before * _CELLS).astype(int), _CELLS - 1) @ [_CELLS * _CELLS, _CELLS, 1]
    order = rng.permutation(len(boxes))
    order = order[np.argsort(boxes[order], kind="stable")]
    ordered = boxes[order]
    rank = np.arange(len(ordered)) - np.searchsorted(ordered, ordered)
    kept = order[rank < _CELL_PIXELS]
    return before[kept], after[kept]
