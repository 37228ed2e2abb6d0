"""The colours of a generator as a LUT.

A generator also looks at what surrounds a colour; a LUT gives each colour one answer, the mean of
those that photographs get. Photos in other light add the colours that no photo has, each in the
surroundings of a real picture, since a generator answers a chart of flat patches differently.
"""

import contextlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image, ImageOps

from cinegan_jax.core.types import Params
from cinegan_jax.data.samples import sample_photos
from cinegan_jax.film.exposure_variants import vary
from cinegan_jax.inference.look import TrainedLook, apply_generator
from cinegan_jax.ops.images import to_signed, to_unit
from cinegan_jax.ops.lut import apply_lut, fit_lut, identity_lut
from cinegan_jax.photos.decode import decode
from cinegan_jax.photos.photo import UnreadablePhoto

FIT_SIZE = 33
"""Nodes an axis. More only follow what surroundings do: 65 miss held-out photos by 3 % more."""
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


def read_photos(files: Iterable[Path]) -> list[np.ndarray]:
    """Those that can be read: uint8 [256, 384, 3], or [384, 256, 3] where they are upright.

    Scaled (Lanczos); what is too long is cut off at both ends.
    """
    photos = []
    for file in files:
        with contextlib.suppress(UnreadablePhoto):
            photos.append(_reduced(decode(file, SHORT_SIDE)))
    return photos


def fit_sample_table(look: TrainedLook) -> np.ndarray:
    """`fit_colour_table` of a look, to the embedded photos."""
    return fit_colour_table(make_develop(look), read_photos(sample_photos("train")))


def fit_colour_table(develop: Develop, photos: Sequence[np.ndarray], seed: int = 0) -> np.ndarray:
    """The LUT of a look's colours.

    Args:
      develop: the look.
      photos: what it is shown, as `read_photos` gives them; at least one.
      seed: of the pixels that are taken and of the photos' variants.

    Returns:
      float32 [33, 33, 33, 3] as in `ops.lut`, monotone as `monotone` makes it.
    """
    rng = np.random.default_rng(seed)
    variants = [vary(photo, int(rng.integers(2**32))) for photo in photos for _ in range(VARIANTS)]
    seen = _pixel_pairs(develop, photos, rng)
    added = _thinned(*_pixel_pairs(develop, variants, rng), rng)
    inputs, targets = (np.concatenate(both) for both in zip(seen, added, strict=True))
    return monotone(fit_lut(inputs, targets, FIT_SIZE))


def monotone(lut: np.ndarray) -> np.ndarray:
    """A LUT in which no channel falls as its own input rises, nor from a grey to a lighter one.

    So no gradient turns back; a channel may still fall as the others rise, as it does in saturated
    film colours. Midway between the lowest such LUT above and the highest below.

    Args:
      lut: [n, n, n, 3] as in `ops.lut`.

    Returns:
      Of the same shape and type; the same LUT where it is so already.
    """
    return np.stack([_monotone(lut[..., channel], channel) for channel in range(3)], axis=-1)


def _monotone(values: np.ndarray, axis: int) -> np.ndarray:
    """One channel [n, n, n], along `axis` and along the greys."""
    along = np.moveaxis(values, axis, 0)
    above = _raised(along)
    below = -np.flip(_raised(-np.flip(along)))
    return np.moveaxis((above + below) / 2, 0, axis)


def _raised(values: np.ndarray) -> np.ndarray:
    """[n, n, n] with every value that falls, along the first axis or the greys, lifted."""
    raised = values.copy()
    for i in range(1, len(raised)):
        raised[i] = np.maximum(raised[i], raised[i - 1])
        raised[i, i, i] = max(raised[i, i, i], raised[i - 1, i - 1, i - 1])
    return raised


def resized(lut: np.ndarray, size: int) -> np.ndarray:
    """The same colours at `size` nodes an axis, by trilinear interpolation: float32."""
    return np.asarray(apply_lut(lut, identity_lut(size)))


def _reduced(photo: np.ndarray) -> np.ndarray:
    upright = photo.shape[0] > photo.shape[1]
    box = (SHORT_SIDE, LONG_SIDE) if upright else (LONG_SIDE, SHORT_SIDE)
    return np.asarray(ImageOps.fit(Image.fromarray(photo), box, Image.Resampling.LANCZOS))


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
