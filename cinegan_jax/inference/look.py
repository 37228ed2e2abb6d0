"""A look: a trained generator or a LUT that a user applies to photos."""

import abc
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from cinegan_jax.config.schema import Section, key
from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import local_copy, open_path
from cinegan_jax.core.types import Images, Params
from cinegan_jax.film.lut import Lut, apply_stages
from cinegan_jax.film.lut_files import LUT_SUFFIXES, read_lut
from cinegan_jax.inference.formats import ExportFormat, KernelPrecision
from cinegan_jax.nets.res_unet import ResUnetGenerator

if TYPE_CHECKING:
    from cinegan_jax.checkpointing.pretrained import Which
    from cinegan_jax.inference.look_lut import ColourLut

DEFAULT_LOOK = "classic_neg"
LOOKS_PACKAGE = "cinegan_jax.looks"
"""The package whose folder holds the installed looks and their cards."""
LOOK_SUFFIX = ".safetensors"

ImageKind = TypeVar("ImageKind", np.ndarray, Image.Image)
NetworkFunction = Callable[[Params, Images], jax.Array]
"""(params, images) -> images, both images float32 [n, h, w, 3] in unit range."""


@dataclass(frozen=True)
class Grain(Section):
    """The grain of a film, as `film.grain.add_grain` takes it."""

    sigma: float = key(
        0.015, "Standard deviation at mid-grey, in unit range.", at_least=0, at_most=1
    )
    size: float = key(
        0.001,
        "Standard deviation of the Gaussian that softens it, as a share of the long side.",
        at_least=0,
        at_most=0.1,
    )


@dataclass(frozen=True)
class Glow(Section):
    """Halation and bloom that are added before a look, as in `develop.Settings`."""

    halation: float = key(
        0.0,
        "Red glow around highlights; 1: as strong as the film renderer's.",
        at_least=0,
        at_most=4,
    )
    bloom: float = key(0.0, "Glow of all light, as of a diffusion filter.", at_least=0, at_most=4)


@dataclass(frozen=True, eq=False)
class Look(abc.ABC):
    """The colours and the grain of a film. Call it on a photo to apply it.

    The colours are those of a network (`NetworkLook`) or of a LUT (`LutLook`).

    Attributes:
      name: shown to people.
      grain: the grain that is added on demand.
      glow: the halation and bloom that are added by default. A trained look has learnt the halation
        of its film, so more is not added.
    """

    name: str
    grain: Grain = field(default=Grain(), kw_only=True)
    glow: Glow = field(default=Glow(), kw_only=True)

    @property
    @abc.abstractmethod
    def monochrome(self) -> bool:
        """True if the look makes every photo exactly grey."""

    def __call__(
        self,
        image: ImageKind,
        *,
        strength: float = 1.0,
        grain: float = 0.0,
        method: str = "transfer",
        seed: int = 0,
        grain_size: float = 1.0,
        halation: float | None = None,
        bloom: float | None = None,
        colour_filter: str | None = None,
    ) -> ImageKind:
        """Return a new image with the look, of the same kind and size.

        Colours are taken to be sRGB. A NumPy array [h, w, 3] is uint8, uint16, or floats in unit
        range; floats are never quantised. A Pillow image keeps its mode, alpha and `info` (ICC
        profile, EXIF): RGB, RGBA, grey of 8 or 16 bits; palettes become RGB or RGBA.

        Args:
          image: the photo.
          strength: photo + strength * (look - photo), 0 to 1.5.
          grain: amount of grain, 0 to 4; 0: none, 1: as the film has it.
          method: `transfer`, `tiles` or `whole`, as in `cinegan apply`.
          seed: seed of grain and dither.
          grain_size: size of the grain, 0.25 to 4; 1: as the film has it.
          halation: red glow around highlights, 0 to 4; None: that of the look.
          bloom: glow of all light, as of a diffusion filter, 0 to 4; None: that of the look.
          colour_filter: yellow, orange, red, green or blue, in front of the lens, for
            black-and-white looks; None: no filter.

        Raises:
          UserError: an argument is out of range, or the image has another shape, type or mode.
        """
        from cinegan_jax.inference.develop import Settings
        from cinegan_jax.inference.in_memory import develop_image

        settings = Settings(
            method, strength, grain, seed, grain_size, halation, bloom, colour_filter
        )
        return develop_image(image, self, settings)

    @abc.abstractmethod
    def network(self) -> tuple[NetworkFunction, Params]:
        """Return the colours of the look as a pure, jittable function, and its parameters.

        The function maps (params, images) to images: float32 [n, h, w, 3] in unit range; h and w
        are multiples of 8, unless the look is a LUT. The result of a network is not clipped. A
        network sees whole images, at the size they have: for photos of many megapixels, call the
        look itself.
        """

    def lut(
        self,
        size: int = 33,
        *,
        strength: float = 1.0,
        photos: Iterable[str | os.PathLike[str]] | None = None,
    ) -> "ColourLut":
        """Return the colours of the look as a LUT, without grain, glow and local changes.

        Args:
          size: nodes along each axis; a HaldCLUT needs a square, such as 64.
          strength: as for calling the look.
          photos: photo files that the LUT of a network is fitted to; None: the embedded photos.

        Raises:
          UserError: an argument is out of range, or no photo can be read.
        """
        from cinegan_jax.inference.look_lut import look_lut

        return look_lut(self, size, strength, photos)

    def export(
        self,
        path: str | os.PathLike[str],
        *,
        form: ExportFormat | None = None,
        precision: KernelPrecision = "float16",
    ) -> Path:
        """Write the look as a file for other programs; its name becomes the file's.

        Args:
          path: the file; missing folders are made.
          form: `safetensors`, `stablehlo` or `onnx`; None: as the suffix of `path` says.
          precision: what kernels or table are stored in; all is computed in float32.

        Returns:
          The path.

        Raises:
          UserError: the format is not known or needs a package that is not installed, or the file
            cannot be written.
        """
        from cinegan_jax.inference.export import export_look
        from cinegan_jax.inference.formats import format_of

        file = Path(path)
        export_look(replace(self, name=file.stem), file, form or format_of(file), precision)
        return file


@dataclass(frozen=True, eq=False)
class NetworkLook(Look):
    """A look whose colours a trained generator gives.

    Attributes:
      generator: the Flax module, in float32.
      kernels: its parameters, float32, with spectral normalisation folded in.
    """

    generator: ResUnetGenerator
    kernels: Params

    @property
    def monochrome(self) -> bool:
        """True if the generator makes every photo exactly grey."""
        return self.generator.monochrome

    def network(self) -> tuple[NetworkFunction, Params]:
        """Return the generator; see `Look.network`."""
        return partial(_apply_in_unit_range, self.generator), self.kernels


@dataclass(frozen=True, eq=False)
class LutLook(Look):
    """A look whose colours a LUT gives, applied to every pixel of the photo.

    Attributes:
      colours: the LUT.
    """

    colours: Lut

    @property
    def monochrome(self) -> bool:
        """True if the LUT makes every photo exactly grey."""
        return self.colours.neutral

    def network(self) -> tuple[NetworkFunction, Params]:
        """Return the LUT as a function of its stages; see `Look.network`."""
        return _look_up, {"stages": self.colours.stages}


def apply_generator(generator: ResUnetGenerator, kernels: Params, images: Images) -> jax.Array:
    """Apply a generator: signed [n, h, w, 3] to signed [n, h, w, 3]; h, w are multiples of 8."""
    return jnp.asarray(generator.apply({"params": kernels}, images))


def _apply_in_unit_range(generator: ResUnetGenerator, params: Params, images: Images) -> jax.Array:
    signed = 2.0 * jnp.asarray(images, jnp.float32) - 1.0
    return (apply_generator(generator, params, signed) + 1.0) / 2.0


def _look_up(params: Params, images: Images) -> jax.Array:
    return jnp.asarray(apply_stages(params["stages"], jnp.asarray(images, jnp.float32)))


def installed_looks() -> tuple[str, ...]:
    """Return the names of the looks that ship with the package."""
    files = resources.files(LOOKS_PACKAGE).iterdir()
    return tuple(
        sorted(f.name.removesuffix(LOOK_SUFFIX) for f in files if f.name.endswith(LOOK_SUFFIX))
    )


def load_look(source: str | os.PathLike[str], *, step: "Which" = "newest") -> Look:
    """Load a look by name, from a look file or LUT file, or from the workdir of a training run.

    Args:
      source: the name of an installed look, a `.safetensors` file, a LUT (`.cube`, or HaldCLUT
        `.png`), or a run's workdir; files and workdirs may be in a bucket (`gs://`). An installed
        name wins: write `./velvia` for a folder of that name.
      step: which checkpoint of a run: `newest`, `best` or the number of a step.

    Raises:
      UserError: it is none of these, or cannot be used.
    """
    if isinstance(source, str) and source in installed_looks():
        return _installed_look(source)
    return _look_at(os.fspath(source), step)


def choose_look(look: str = DEFAULT_LOOK, weights: str | None = None) -> Look:
    """Load the look that a command's options name.

    Args:
      look: as for `load_look`; ignored where `weights` is given.
      weights: a look file, a LUT file or a run's workdir, never an installed name.

    Raises:
      UserError: see `load_look`.
    """
    return load_look(look) if weights is None else _look_at(weights)


def _installed_look(name: str) -> Look:
    from cinegan_jax.inference.look_file import read_look

    with resources.as_file(resources.files(LOOKS_PACKAGE) / f"{name}{LOOK_SUFFIX}") as path:
        return read_look(path, trusted=True)


def _look_at(source: str, step: "Which" = "newest") -> Look:
    path = open_path(source)
    suffix = path.suffix.lower()
    if suffix in (LOOK_SUFFIX, *LUT_SUFFIXES) and not path.is_dir():
        if not path.exists():
            raise UserError(f"no look file {path}")
        with local_copy(path) as copy:
            return _look_in_file(copy, path.stem)
    if path.is_file():
        raise UserError(
            f"{path}: {suffix!r} is not the suffix of a look file: {LOOK_SUFFIX}, or a LUT as "
            f"{' or '.join(LUT_SUFFIXES)}"
        )
    if path.is_dir():
        from cinegan_jax.inference.run_networks import read_workdir  # Orbax is slow to import

        return read_workdir(source, step)
    raise UserError(
        f"look {source!r} is not one of {', '.join(installed_looks())}, and there is no such look "
        "file or workdir of a run"
    )


def _look_in_file(path: Path, name: str) -> Look:
    from cinegan_jax.inference.look_file import read_look

    if path.suffix.lower() in LUT_SUFFIXES:
        return LutLook(name, read_lut(path))
    return read_look(path)
