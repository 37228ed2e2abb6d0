"""The tasks as the worker process runs them. The only module of this package that imports JAX."""

import dataclasses
from typing import Protocol

import numpy as np

from cinegan_jax.core.compilation_cache import keep_compilations_for_user
from cinegan_jax.core.errors import UserError
from cinegan_jax.film.lut_cube import encode_cube
from cinegan_jax.film.lut_files import LUT_SUFFIXES
from cinegan_jax.film.lut_hald import encode_hald
from cinegan_jax.inference.develop import Settings, develop
from cinegan_jax.inference.look import DEFAULT_LOOK, LOOK_SUFFIX, Look, choose_look, installed_looks
from cinegan_jax.inference.look_card import read_card
from cinegan_jax.inference.look_lut import fit_sample_table
from cinegan_jax.inference.lut_fit import resize_lut
from cinegan_jax.inference.record import development_record
from cinegan_jax.inference.resize import resize
from cinegan_jax.photos.encode import (
    EncodeOptions,
    encode_with_notes,
    output_format,
    output_suffix,
    writable_formats,
)
from cinegan_jax.photos.kinds import PHOTO_SUFFIXES
from cinegan_jax.photos.light import Light
from cinegan_jax.photos.metadata import at_new_size
from cinegan_jax.photos.photo import Photo
from cinegan_jax.photos.read import read_photo
from cinegan_jax.web.jobs import (
    Answer,
    DevelopPhoto,
    LookFile,
    LookSummary,
    MakeLut,
    WarmUp,
    WorkerInfo,
    WorkerTask,
)
from cinegan_jax.web.limits import ServerLimits
from cinegan_jax.web.uploaded_looks import uploaded_look

_HALD_SIZE = 64
"""Nodes per axis of a HaldCLUT of level 8, the usual one."""


class TaskProgress(Protocol):
    """Receiver of the progress of a task; any call may raise, which ends the task."""

    def decoded(self) -> None:
        """Take note that the photo is decoded."""

    def __call__(self, share: float, /) -> None:
        """Take note of the completed fraction of what follows, 0 to 1."""


class TaskRunner:
    """The loaded looks, and the tasks that use them."""

    def __init__(self, limits: ServerLimits, weights: tuple[str, ...]) -> None:
        """Load the installed looks and those of `weights`.

        Raises:
          UserError: a look cannot be used.
        """
        keep_compilations_for_user()
        self._limits = limits
        names = sorted(installed_looks(), key=lambda name: name != DEFAULT_LOOK)
        looks = [choose_look(name) for name in names]
        looks += [choose_look(weights=path) for path in weights]
        self._looks = {look.name: look for look in looks}
        self._tables: dict[str, np.ndarray] = {}

    def info(self) -> WorkerInfo:
        """Return the available looks, and the formats that are read and written."""
        looks = tuple(
            LookSummary(
                name,
                _description(name),
                look.monochrome,
                look.glow.halation,
                look.glow.bloom,
            )
            for name, look in self._looks.items()
        )
        look_suffixes = (LOOK_SUFFIX, *LUT_SUFFIXES)
        return WorkerInfo(looks, PHOTO_SUFFIXES, look_suffixes, writable_formats())

    def do(self, task: WorkerTask, progress: TaskProgress) -> Answer:
        """Run a task and return the file it produces.

        Raises:
          UserError: the task cannot be done.
        """
        match task:
            case DevelopPhoto():
                return self._develop(task, progress)
            case MakeLut():
                return self._lut(task)
            case WarmUp():
                grey = np.full((task.height, task.width, 3), 128, np.uint8)
                develop(grey, self._looks[task.look], Settings(), progress)
                return Answer()

    def _develop(self, task: DevelopPhoto, progress: TaskProgress) -> Answer:
        if isinstance(task.look, LookFile):
            look = uploaded_look(task.look)
        else:
            look = self._looks[task.look]
        settings = Settings(**task.settings)
        light = Light(**task.light)
        record = development_record(look, settings, light)
        options = EncodeOptions(task.format, task.quality, development=record)
        photo = read_photo(task.photo, name=task.name, max_pixels=self._limits.pixels, light=light)
        progress.decoded()
        if task.max_side:
            photo = _reduced(photo, task.max_side)
        self._check_whole(photo, settings)
        developed = develop(photo.pixels, look, settings, progress)
        encoded = encode_with_notes(photo, developed, options)
        return Answer(
            encoded.data,
            media_type=f"image/{output_format(photo, options)}",
            suffix=output_suffix(photo, options),
            notes=photo.source.notes + encoded.notes,
        )

    def _lut(self, task: MakeLut) -> Answer:
        table = self._table(self._looks[task.look])
        if task.format == "hald":
            return Answer(encode_hald(resize_lut(table, _HALD_SIZE)), "image/png", ".png")
        comments = [f"The colours of the look {task.look}, by cinegan-jax."]
        return Answer(encode_cube(resize_lut(table, task.size), comments), "text/plain", ".cube")

    def _table(self, look: Look) -> np.ndarray:
        if look.name not in self._tables:
            self._tables[look.name] = fit_sample_table(look)
        return self._tables[look.name]

    def _check_whole(self, photo: Photo, settings: Settings) -> None:
        height, width = photo.pixels.shape[:2]
        if settings.method == "whole" and height * width > self._limits.whole_pixels:
            raise UserError(
                f"method 'whole' takes photos of up to {self._limits.whole_pixels / 1e6:.0f} "
                f"megapixels here; this one has {height * width / 1e6:.0f}: use 'tiles'"
            )


def _description(look: str) -> str:
    return read_card(look).description if look in installed_looks() else "Your own."


def _reduced(photo: Photo, max_side: int) -> Photo:
    """Return a preview: the photo in sRGB with its long side at most `max_side` pixels."""
    height, width = photo.pixels.shape[:2]
    scale = max_side / max(height, width)
    if scale >= 1:
        return photo
    shape = max(1, round(height * scale)), max(1, round(width * scale))
    levels = np.iinfo(photo.pixels.dtype).max

    def shrunk(channels: np.ndarray) -> np.ndarray:
        return np.rint(resize(channels, *shape) * levels).astype(channels.dtype)

    alpha = photo.alpha
    if alpha is not None:
        alpha = shrunk(np.repeat(alpha[..., None], 3, axis=2))[..., 0]
    sizes = (width, height, shape[1], shape[0])
    shot = at_new_size(photo.source.metadata, *sizes).metadata
    source = dataclasses.replace(photo.source, profile=None, original=None, metadata=shot)
    return Photo(shrunk(photo.pixels), alpha, source)
