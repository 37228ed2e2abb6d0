"""What the server asks of its worker, and what it gets. Light: the server imports no JAX."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LookCard:
    """A look, for people."""

    name: str
    description: str


@dataclass(frozen=True)
class Hello:
    """What the worker can do: its looks, and the endings of the files that it takes."""

    looks: tuple[LookCard, ...] = ()
    suffixes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Develop:
    """A photo to develop.

    Attributes:
      photo: the file's bytes.
      name: what messages call it.
      look: one of those that the worker has.
      method, strength, grain: as `inference.develop.Settings` takes them.
      format, quality: as `photos.EncodeOptions` takes them.
      max_side: where the long side is longer, the photo is reduced to it first.
    """

    photo: bytes
    name: str
    look: str
    method: str = "transfer"
    strength: float = 1.0
    grain: float = 0.0
    format: str | None = None
    quality: int | None = None
    max_side: int | None = None


@dataclass(frozen=True)
class MakeLut:
    """A look's colour as a LUT file: `cube` or `hald`."""

    look: str
    size: int
    format: str


@dataclass(frozen=True)
class WarmUp:
    """Compiles what a photo of this shape needs."""

    look: str
    height: int
    width: int


Task = Develop | MakeLut | WarmUp


@dataclass(frozen=True)
class Answer:
    """A file made: its bytes, their type, and how its name ends. All empty after a warm-up."""

    content: bytes = b""
    media_type: str = ""
    suffix: str = ""
