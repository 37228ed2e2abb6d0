"""The metadata of a look file, checked before anything is built from them."""

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cinegan_jax.config.check import read_section
from cinegan_jax.config.schema import ROOT, AnySection
from cinegan_jax.core.errors import UserError
from cinegan_jax.inference.look import Glow, Grain
from cinegan_jax.nets.settings import ResUnetSettings

LOOK_FORMAT = "cinegan-look"
LOOK_FORMAT_VERSION = "1"
_MAX_TEXT = 10_000
"""Maximum length of one value; those of a real look have some hundred characters."""
_MAX_NAME = 100
_LUT_FILE = "lut"


@dataclasses.dataclass(frozen=True)
class LookMetadata:
    """Description of a look file's arrays.

    Attributes:
      name: name of the look; may be part of a file name.
      grain: the film's grain.
      glow: the halation and bloom that are added by default.
      generator: settings of the generator; None if the file holds a LUT.
    """

    name: str
    grain: Grain
    glow: Glow
    generator: ResUnetSettings | None

    def to_texts(self) -> dict[str, str]:
        """Return the metadata as a look file stores them."""
        texts = {
            "format": LOOK_FORMAT,
            "version": LOOK_FORMAT_VERSION,
            "name": self.name,
            "grain": json.dumps(dataclasses.asdict(self.grain)),
            "glow": json.dumps(dataclasses.asdict(self.glow)),
        }
        if self.generator is None:
            return texts | {"colours": _LUT_FILE}
        return texts | {"generator": json.dumps(dataclasses.asdict(self.generator))}


def parse_metadata(path: Path, texts: Mapping[str, str]) -> LookMetadata:
    """Parse the metadata of a look file.

    Raises:
      UserError: they are of another format, or a value is missing or out of range.
    """
    _check_format(path, texts)
    for key, text in texts.items():
        if len(text) > _MAX_TEXT:
            raise UserError(
                f"{path} is no usable look: its {key[:40]!r} has {len(text)} characters, the limit "
                f"is {_MAX_TEXT}"
            )
    name = texts.get("name", "")
    _check_name(path, name)
    grain = _section(path, texts, "grain", Grain())
    glow = _section(path, {"glow": "{}", **texts}, "glow", Glow())
    if texts.get("colours") == _LUT_FILE:
        return LookMetadata(name, grain, glow, None)
    return LookMetadata(name, grain, glow, _section(path, texts, "generator", ResUnetSettings()))


def _check_format(path: Path, texts: Mapping[str, str]) -> None:
    found = [texts.get(key, "")[:40] for key in ("format", "version")]
    if found != [LOOK_FORMAT, LOOK_FORMAT_VERSION]:
        raise UserError(
            f"{path} is no look of this program: its format is {found[0]!r} version {found[1]!r}, "
            f"needed is {LOOK_FORMAT!r} version {LOOK_FORMAT_VERSION!r}; make a look file with "
            "`cinegan export --format safetensors`"
        )


def _check_name(path: Path, name: str) -> None:
    usable = name.isprintable() and not {"/", "\\", os.sep} & set(name) and len(name) <= _MAX_NAME
    if name in ("", ".", "..") or not usable:
        raise UserError(
            f"{path} gives its look the name {name[:40]!r}, which cannot be part of a file name: "
            "export the look again with `cinegan export --format safetensors`"
        )


def _section(path: Path, texts: Mapping[str, str], key: str, defaults: AnySection) -> AnySection:
    """Return the settings that a JSON object gives; keys that it lacks keep their defaults."""
    what = "network" if key == "generator" else key
    try:
        given: Any = json.loads(texts[key])
    except KeyError:
        raise UserError(f"{path} does not say what its {what} is: it has no {key!r}") from None
    except (ValueError, RecursionError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(f"{path} does not say what its {what} is: {reason}") from error
    if not isinstance(given, dict):
        raise UserError(f"{path} does not say what its {what} is: {key!r} is no JSON object")
    try:
        return read_section(defaults, dataclasses.asdict(defaults) | given)
    except UserError as error:
        reason = str(error).partition("\n")[0].replace(ROOT, "")[:300]
        raise UserError(f"{path} does not say what its {what} is: {reason}") from error
