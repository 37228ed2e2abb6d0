"""A look on a photograph: the one way from pixels to pixels."""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from cinegan_jax.core.errors import UserError
from cinegan_jax.film.grain import GrainNoise, lay_grain
from cinegan_jax.inference.look import Grain, TrainedLook
from cinegan_jax.inference.methods import tiles, transfer, whole

Progress = Callable[[float], None]
"""Told the share that is done, 0 to 1; what it raises ends the work."""

Method = Callable[[np.ndarray, TrainedLook, float, Progress], Iterator[np.ndarray]]
"""(photo, look, strength, progress) to photo + strength * (look - photo).

It yields unit float32 [some rows, w, 3] from top to bottom, not clipped.
"""

METHODS: dict[str, Method] = {"transfer": transfer, "tiles": tiles, "whole": whole}
MOST_STRENGTH = 1.5
ROWS = 128
"""Of a band that no method made."""
DITHER = 1
"""Sets the dither's seed apart from the grain's."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """What a photographer chooses.

    Attributes:
      method: transfer, tiles or whole.
      strength: photo + strength * (look - photo), 0 to 1.5.
      grain: of the look's own grain; 0 is none, 1 is as the film has it.
      seed: of grain and dither.
    """

    method: str = "transfer"
    strength: float = 1.0
    grain: float = 0.0
    seed: int = 0

    def check(self) -> None:
        """Raises a UserError that names what is out of range."""
        if self.method not in METHODS:
            raise UserError(f"method {self.method!r} is not one of {', '.join(METHODS)}")
        if not 0 <= self.strength <= MOST_STRENGTH:
            raise UserError(f"strength {self.strength} is not between 0 and {MOST_STRENGTH}")
        if not 0 <= self.grain < float("inf"):
            raise UserError(f"grain {self.grain} is not 0 or more")
        if self.seed < 0:
            raise UserError(f"seed {self.seed} is not 0 or more")


def develop(
    photo: np.ndarray,
    look: TrainedLook,
    settings: Settings,
    progress: Progress = lambda share: None,
) -> np.ndarray:
    """The photo with the look, at its own size.

    Args:
      photo: sRGB-encoded uint8 or uint16 [h, w, 3], any size.
      look: what to make of it.
      settings: how.
      progress: called after each tile or band of rows.

    Returns:
      A new array of the photo's shape and type: the photo itself at strength 0 without grain.

    Raises:
      UserError: a setting is out of range, or the method cannot take a photo of that size.
      ValueError: the photo is of another shape or type.
    """
    settings.check()
    if photo.dtype not in (np.uint8, np.uint16) or photo.ndim != 3 or photo.shape[2] != 3:
        raise ValueError(
            f"develop needs uint8 or uint16 [h, w, 3], got {photo.dtype} {photo.shape}"
        )
    if settings.strength == 0 and settings.grain == 0:
        return photo.copy()
    method = METHODS[settings.method] if settings.strength else _unchanged
    finish = _Finish(photo, look.grain, settings)
    developed, top = np.empty_like(photo), 0
    for band in method(photo, look, settings.strength, progress):
        developed[top : top + len(band)] = finish(band)
        top += len(band)
    return developed


def _unchanged(
    photo: np.ndarray, look: TrainedLook, strength: float, progress: Progress
) -> Iterator[np.ndarray]:
    for top in range(0, len(photo), ROWS):
        progress(min(top + ROWS, len(photo)) / len(photo))
        yield photo[top : top + ROWS].astype(np.float32) / np.float32(np.iinfo(photo.dtype).max)


class _Finish:
    """Clips, adds grain and rounds the bands of a picture, which must come from top to bottom.

    All noise is drawn in the order of rows: it is the same however they are cut into bands.
    """

    def __init__(self, photo: np.ndarray, grain: Grain, settings: Settings):
        self._dtype = photo.dtype
        self._sigma = settings.grain * grain.sigma
        self._noise = GrainNoise(photo.shape[0], photo.shape[1], grain.size, settings.seed)
        self._dither = np.random.default_rng([settings.seed, DITHER])

    def __call__(self, band: np.ndarray) -> np.ndarray:
        band = np.clip(band, 0.0, 1.0)
        if self._sigma:
            band = lay_grain(band, self._noise.take(len(band)), self._sigma)
        return to_pixels(band, self._dtype, self._dither)


def to_pixels(picture: np.ndarray, dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    """Unit floats [...] as uint16, rounded, or as uint8, dithered.

    Dither adds noise of a level's width before rounding, so that a smooth gradient has no steps;
    what is exactly a level stays it.
    """
    levels = np.clip(picture, 0.0, 1.0) * np.float32(np.iinfo(dtype).max)
    if dtype == np.uint16:
        return np.rint(levels).astype(dtype)
    noise = np.frombuffer(rng.bytes(levels.size), np.uint8).reshape(levels.shape)
    return np.floor(levels + (noise + np.float32(0.5)) / 256).astype(dtype)
