"""A look on a photograph: the one way from pixels to pixels."""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from cinegan_jax.errors import UserError
from cinegan_jax.inference.trained_look import TrainedLook
from cinegan_jax.inference.transfer import transfer

Progress = Callable[[float], None]
"""Told the share that is done, 0 to 1; what it raises ends the work."""

Method = Callable[[np.ndarray, TrainedLook, float], Iterator[np.ndarray]]
"""(photo, look, strength) to the picture's bands of rows from top to bottom: unit float32."""

METHODS: dict[str, Method] = {"transfer": transfer}
MOST_STRENGTH = 1.5


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
      progress: called after each band of rows.

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
    rng = np.random.default_rng(settings.seed)
    developed, top = np.empty_like(photo), 0
    for band in METHODS[settings.method](photo, look, settings.strength):
        developed[top : top + len(band)] = to_pixels(band, photo.dtype, rng)
        top += len(band)
        progress(top / len(photo))
    return developed


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
