"""A look on a photograph: the one way from pixels to pixels."""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from cinegan_jax.core.errors import UserError
from cinegan_jax.film.grain import GrainNoise, lay_grain
from cinegan_jax.inference.colour_filter import add_filter, check_filter
from cinegan_jax.inference.glow import add_glow
from cinegan_jax.inference.lazy_image import AnyImage
from cinegan_jax.inference.look import Glow, Look, LutLook, NetworkLook
from cinegan_jax.inference.look_up import look_up
from cinegan_jax.inference.methods import tiles, transfer, whole
from cinegan_jax.ops.images import white_level

ReportShare = Callable[[float], None]
"""Called with the share of the work that is done, 0 to 1; what it raises ends the work."""

DevelopMethod = Callable[[AnyImage, NetworkLook, float, ReportShare], Iterator[np.ndarray]]
"""(photo, look, strength, progress) to photo + strength * (look - photo); the look has a network.

It yields unit float32 [some rows, w, 3] from top to bottom, not clipped.
"""

METHODS: dict[str, DevelopMethod] = {"transfer": transfer, "tiles": tiles, "whole": whole}
RANGES = {
    "strength": (0, 1.5),
    "grain": (0, 4),
    "grain_size": (0.25, 4),
    "halation": (0, 4),
    "bloom": (0, 4),
}
"""Lowest and highest value of each setting."""
ROWS = 128
"""Rows of a band where no method makes the bands."""
DITHER = 1
"""Sets the seed of the dither apart from that of the grain."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """The choices of a photographer.

    Attributes:
      method: `transfer`, `tiles` or `whole`, for looks with a network.
      strength: photo + strength * (look - photo), 0 to 1.5.
      grain: amount of grain, 0 to 4; 0: none, 1: as the film has it.
      seed: seed of grain and dither.
      grain_size: size of the grain, 0.25 to 4; 1: as the film has it.
      halation: red glow around highlights, 0 to 4; 0: none, 1: as strong as the film renderer's.
        None: as the look says.
      bloom: glow of all light, as of a diffusion filter, 0 to 4; 0: none, 1: a tenth of the light
        spreads. None: as the look says.
      colour_filter: a filter in front of the lens, one of `colour_filter.FILTERS`, for
        black-and-white looks. None: no filter.
    """

    method: str = "transfer"
    strength: float = 1.0
    grain: float = 0.0
    seed: int = 0
    grain_size: float = 1.0
    halation: float | None = None
    bloom: float | None = None
    colour_filter: str | None = None

    def check(self) -> None:
        """Raise a UserError that names the setting that is out of range, if any."""
        if self.method not in METHODS:
            raise UserError(f"method {self.method!r} is not one of {', '.join(METHODS)}")
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise UserError(f"{name} {value} is not between {low} and {high}")
        if self.seed < 0:
            raise UserError(f"seed {self.seed} is not 0 or more")

    def glow(self, look: Look) -> Glow:
        """Return halation and bloom, those of the look where they are not set."""
        return Glow(
            look.glow.halation if self.halation is None else self.halation,
            look.glow.bloom if self.bloom is None else self.bloom,
        )


def develop(
    photo: np.ndarray,
    look: Look,
    settings: Settings,
    progress: ReportShare = lambda share: None,
) -> np.ndarray:
    """Apply a look to a photo, at the photo's own size.

    Args:
      photo: sRGB-encoded [h, w, 3] of any size: uint8, uint16, or floats in unit range.
      look: the look.
      settings: how to apply it.
      progress: called after each tile or band of rows.

    Returns:
      A new array of the photo's shape and type: the photo itself at strength 0 without grain, glow
      and filter. With a filter, strength is that of the look on what the film sees, which is grey.
      uint8 is dithered, uint16 rounded; floats are clipped to unit range.

    Raises:
      UserError: a setting is out of range, or the method cannot take a photo of that size.
      ValueError: the photo has another shape or type.
    """
    settings.check()
    known = photo.dtype.kind == "f" or photo.dtype in (np.uint8, np.uint16)
    if not known or photo.ndim != 3 or photo.shape[2] != 3:
        raise ValueError(
            f"develop needs uint8, uint16 or floats [h, w, 3], got {photo.dtype} {photo.shape}"
        )
    check_filter(settings.colour_filter, look)
    lit = add_filter(add_glow(photo, settings.glow(look)), settings.colour_filter)
    if settings.strength == 0 and settings.grain == 0 and lit is photo:
        return photo.copy()
    finish = _Finish(photo, look, settings)
    developed, top = np.empty_like(photo), 0
    for band in _bands(lit, look, settings, progress):
        developed[top : top + len(band)] = finish(band)
        top += len(band)
    return developed


def _bands(
    photo: AnyImage, look: Look, settings: Settings, progress: ReportShare
) -> Iterator[np.ndarray]:
    """Yield photo + strength * (look - photo) from top to bottom; see `DevelopMethod`."""
    if not settings.strength:
        return _unchanged(photo, progress)
    match look:
        case LutLook():
            return look_up(photo, look.colours, settings.strength, progress)
        case NetworkLook():
            return METHODS[settings.method](photo, look, settings.strength, progress)
    raise TypeError(f"develop needs a LutLook or a NetworkLook, got {type(look).__name__}")


def _unchanged(photo: AnyImage, progress: ReportShare) -> Iterator[np.ndarray]:
    for top in range(0, len(photo), ROWS):
        progress(min(top + ROWS, len(photo)) / len(photo))
        yield photo[top : top + ROWS].astype(np.float32) / white_level(photo.dtype)


class _Finish:
    """Clips, grains and rounds the bands of an image, which must come from top to bottom.

    All noise is drawn in the order of rows: it does not depend on the height of the bands. A
    monochrome look at full strength or more leaves all channels equal: they are averaged before
    the noise, and share the noise of one channel.
    """

    def __init__(self, photo: np.ndarray, look: Look, settings: Settings):
        self._dtype = photo.dtype
        self._neutral = look.monochrome and settings.strength >= 1
        self._sigma = settings.grain * look.grain.sigma
        size = settings.grain_size * look.grain.size
        self._noise = GrainNoise(photo.shape[0], photo.shape[1], size, settings.seed)
        self._dither = np.random.default_rng([settings.seed, DITHER])

    def __call__(self, band: np.ndarray) -> np.ndarray:
        if self._neutral:
            band = band.mean(axis=-1, keepdims=True)
        band = np.clip(band, 0.0, 1.0)
        if self._sigma:
            noise = self._noise.take(len(band))
            if self._neutral:
                noise = noise[..., [0, -1]]
            band = lay_grain(band, noise, self._sigma)
        return to_pixels(band, self._dtype, self._dither)


def to_pixels(image: np.ndarray, dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    """Convert unit floats [...] to floats, clipped, to uint16, rounded, or to uint8, dithered.

    Dither adds noise as wide as a level before rounding, so that a smooth gradient has no steps;
    a value that is exactly a level is kept.
    """
    levels = np.clip(image, 0.0, 1.0) * white_level(dtype)
    if dtype.kind == "f":
        return levels.astype(dtype)
    if dtype == np.uint16:
        return np.rint(levels).astype(dtype)
    noise = np.frombuffer(rng.bytes(levels.size), np.uint8).reshape(levels.shape)
    return np.floor(levels + (noise + np.float32(0.5)) / 256).astype(dtype)
