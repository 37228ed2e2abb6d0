"""A trained look: a generator as a file that carries all that is needed to use it.

A look file is a safetensors file of the generator's kernels, float16 or float32, with the spectral
norm folded in. Its metadata hold the network's architecture and the film's grain.

A look's model card is NAME.md beside its weights. Its first line is `# NAME: DESCRIPTION`. The
first table with the columns PSNR, SSIM and delta E has the scores on held-out photos, those of the
look itself in the row that begins with NAME.
"""

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import safetensors
import safetensors.numpy
from flax.traverse_util import flatten_dict, unflatten_dict

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import is_remote, write_whole
from cinegan_jax.core.types import Images, Params
from cinegan_jax.nets.res_unet import Generator

FORMAT = "cinegan-look"
FORMAT_VERSION = "1"
_PACKAGE = "cinegan_jax.looks"
_SUFFIX = ".safetensors"


@dataclasses.dataclass(frozen=True)
class Grain:
    """The grain of a film, as `film.grain.add_grain` takes it."""

    sigma: float = 0.015
    """Standard deviation at mid-grey, in unit range."""
    size: float = 0.001
    """Of the Gaussian that softens it, as a share of the long side."""


@dataclasses.dataclass(frozen=True)
class TrainedLook:
    """A generator and its kernels.

    Attributes:
      name: for people.
      generator: the network, in float32.
      kernels: its parameters, float32, with sigma folded in.
      grain: what `--grain` adds.
    """

    name: str
    generator: Generator
    kernels: Params
    grain: Grain = Grain()


def apply_generator(generator: Generator, kernels: Params, images: Images) -> jax.Array:
    """Signed [n, h, w, 3] to signed [n, h, w, 3]; h and w are multiples of 8."""
    return jnp.asarray(generator.apply({"params": kernels}, images))


def installed_looks() -> tuple[str, ...]:
    """Names of the looks that ship with the package."""
    files = resources.files(_PACKAGE).iterdir()
    return tuple(sorted(f.name.removesuffix(_SUFFIX) for f in files if f.name.endswith(_SUFFIX)))


def load_look(name: str) -> TrainedLook:
    """A look that ships with the package.

    Raises:
      UserError: there is none of that name; the text lists those that there are.
    """
    if name not in installed_looks():
        raise UserError(f"look {name!r} is not one of {', '.join(installed_looks())}")
    with resources.as_file(resources.files(_PACKAGE) / f"{name}{_SUFFIX}") as path:
        return _look(path, *_read(path))


def read_look(path: Path) -> TrainedLook:
    """A look from a file that `write_look` wrote.

    Raises:
      UserError: the file is missing, damaged, of another kind or version, or its arrays are not
        those of its network.
    """
    metadata, arrays = _read(path)
    look = _look(path, metadata, arrays)
    _check_arrays(path, look.generator, arrays)
    return look


def _look(path: Path, metadata: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> TrainedLook:
    if metadata.get("format") != FORMAT or metadata.get("version") != FORMAT_VERSION:
        found = f"{metadata.get('format')!r} version {metadata.get('version')!r}"
        raise UserError(
            f"{path} is no look of this program: it says format {found}, needed is {FORMAT!r} "
            f"version {FORMAT_VERSION!r}; make one with `cinegan export --format safetensors`"
        )
    try:
        generator = Generator(**json.loads(metadata["generator"]))
        grain = Grain(**json.loads(metadata["grain"]))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} does not say what its network is: {error}") from error
    kernels = {name: array.astype(np.float32) for name, array in arrays.items()}
    return TrainedLook(metadata["name"], generator, unflatten_dict(kernels, sep="/"), grain)


def write_look(look: TrainedLook, path: Path, *, dtype: Any = np.float16) -> None:
    """Writes a look file, whole or not at all.

    Raises:
      OSError: it cannot be written.
    """
    arrays = {
        name: np.ascontiguousarray(np.asarray(array, dtype))
        for name, array in flatten_dict(dict(look.kernels), sep="/").items()
    }
    metadata = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "name": look.name,
        "generator": json.dumps(architecture(look.generator)),
        "grain": json.dumps(dataclasses.asdict(look.grain)),
    }
    write_whole(path, safetensors.numpy.save(arrays, metadata))


def architecture(generator: Generator) -> dict[str, Any]:
    """The fields that make a generator what it is, without its dtype."""
    fields = dataclasses.fields(Generator)
    names = [f.name for f in fields if f.name not in ("dtype", "parent", "name")]
    return {name: getattr(generator, name) for name in names}


def _read(path: Path) -> tuple[Mapping[str, str], dict[str, np.ndarray]]:
    if not path.is_file():
        raise UserError(f"no look file {path}")
    try:
        with safetensors.safe_open(path, "numpy") as file:
            names = file.keys()
            return file.metadata() or {}, {name: file.get_tensor(name) for name in names}
    except safetensors.SafetensorError as error:
        raise UserError(f"{path} is damaged or no safetensors file: {error}") from error


def _check_arrays(path: Path, generator: Generator, arrays: Mapping[str, np.ndarray]) -> None:
    picture = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
    variables = jax.eval_shape(generator.init, jax.random.key(0), picture)
    wanted = {n: a.shape for n, a in flatten_dict(variables["params"], sep="/").items()}
    found = {name: array.shape for name, array in arrays.items()}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise UserError(
                f"{path}: {name} has the shape {found.get(name, 'none')}, but "
                f"{architecture(generator)} needs {wanted.get(name, 'none')}"
            )


SCORES = ("PSNR", "SSIM", "delta E")


@dataclass(frozen=True)
class LookCard:
    """A look in words.

    Attributes:
      description: one line.
      scores: of `SCORES`, as the card has them; those that it lacks are missing.
      text: the whole card, Markdown.
    """

    description: str = ""
    scores: tuple[tuple[str, str], ...] = ()
    text: str = ""


def read_card(name: str) -> LookCard:
    """The card of an installed look; an empty one where it has none."""
    file = resources.files(_PACKAGE) / f"{name}.md"
    return parse_card(name, file.read_text(encoding="utf-8")) if file.is_file() else LookCard()


def parse_card(name: str, text: str) -> LookCard:
    """Reads a card's text; what it lacks stays empty."""
    title = re.match(rf"# {re.escape(name)}: *(.+)", text)
    columns: list[str] = []
    for line in text.splitlines():
        cells = [cell.strip(" *`") for cell in line.strip().strip("|").split("|")]
        if set(SCORES) <= set(cells):
            columns = cells
        elif columns and cells[0] == name:
            row = dict(zip(columns, cells, strict=False))
            scores = tuple((score, row[score]) for score in SCORES if score in row)
            return LookCard(title[1].strip() if title else "", scores, text)
    return LookCard(title[1].strip() if title else "", (), text)


def file_size(name: str) -> int:
    """Bytes of an installed look's weights."""
    with resources.as_file(resources.files(_PACKAGE) / f"{name}.safetensors") as path:
        return path.stat().st_size


DEFAULT_LOOK = "classic_neg"


def choose_look(look: str = DEFAULT_LOOK, weights: str | None = None) -> TrainedLook:
    """An installed look by name or, where `weights` is given, a look file or a training workdir.

    Raises:
      UserError: there is no such look or file, or it cannot be used.
    """
    if weights is None:
        return load_look(look)
    if is_remote(weights) or Path(weights).is_dir():
        from cinegan_jax.inference.run_networks import read_workdir  # Orbax is slow to import

        return read_workdir(weights)
    return read_look(Path(weights))
