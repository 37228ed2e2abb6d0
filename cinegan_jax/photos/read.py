"""Read a photo file: size limits, errors, orientation and colour."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cinegan_jax.photos import metadata
from cinegan_jax.photos.colours import rendered
from cinegan_jax.photos.formats.registry import module_of
from cinegan_jax.photos.kinds import kind_of
from cinegan_jax.photos.levels import to_sixteen_bits
from cinegan_jax.photos.orientation import turned_upright
from cinegan_jax.photos.photo import Opened, Photo, Picture, Source, UnreadablePhoto, Unsupported
from cinegan_jax.photos.profiles import adobe_rgb_profile


def read_photo(file: Path | bytes, *, name: str = "", max_pixels: int) -> Photo:
    """Reads a picture file.

    Args:
      file: its path or its bytes; what kind it is, is seen from the bytes.
      name: how errors name it; by default its path.
      max_pixels: larger pictures are refused before they are decoded.

    Raises:
      UnreadablePhoto: it is no picture, damaged, of a kind that is not read, or too large.
    """
    name = _name(file, name)
    with _told_of(name):
        opened = _open(file)
        _check_size(opened, max_pixels)
        picture = opened.decode()
    return _photo(name, opened.format, picture)


def open_picture(file: Path | bytes, name: str = "") -> Opened:
    """Reads a picture file's header; raises UnreadablePhoto."""
    with _told_of(_name(file, name)):
        return _open(file)


def _name(file: Path | bytes, name: str) -> str:
    return name or (str(file) if isinstance(file, Path) else "the picture")


@contextlib.contextmanager
def _told_of(name: str) -> Iterator[None]:
    """Makes an UnreadablePhoto that names the file of whatever is raised."""
    try:
        yield
    except Unsupported as error:
        raise UnreadablePhoto(f"{name}: {error}") from error
    except FileNotFoundError as error:
        raise UnreadablePhoto(f"{name}: no such file") from error
    except IsADirectoryError as error:
        raise UnreadablePhoto(f"{name}: a folder") from error
    except PermissionError as error:
        raise UnreadablePhoto(f"{name}: may not be read; check its permissions") from error
    except MemoryError:
        raise
    except Exception as error:  # decoders meet damaged bytes with every kind of exception
        raise UnreadablePhoto(f"{name}: damaged or cut off; copy it again") from error


def _open(file: Path | bytes) -> Opened:
    data = file if isinstance(file, bytes) else file.read_bytes()
    kind = kind_of(data)
    if kind is None:
        raise Unsupported("no picture file" if data else "an empty file")
    return module_of(kind).open_file(data)


def _check_size(opened: Opened, max_pixels: int) -> None:
    if min(opened.width, opened.height) < 1:
        raise Unsupported("a picture without pixels")
    if (pixels := opened.width * opened.height) > max_pixels:
        raise Unsupported(
            f"{opened.width} x {opened.height} pixels are {pixels / 1e6:.1f} megapixels; "
            f"at most {max_pixels / 1e6:g} are taken"
        )


def _photo(name: str, format: str, picture: Picture) -> Photo:
    shot, notes = metadata.checked(picture.metadata)
    turn = metadata.orientation(shot)
    if picture.profile is None and picture.space == "RGB" and metadata.is_adobe_rgb(shot):
        picture = replace(picture, profile=adobe_rgb_profile())
    picture = replace(
        picture,
        notes=picture.notes + notes,
        samples=turned_upright(picture.samples, turn),
        alpha=None if picture.alpha is None else turned_upright(picture.alpha, turn),
    )
    seen = rendered(picture)
    pixels, alpha = seen.pixels, picture.alpha
    if alpha is not None and alpha.dtype != pixels.dtype:
        alpha = to_sixteen_bits(alpha)
    height, width, channels = pixels.shape
    source = Source(
        name=name,
        format=format,
        bits=8 * picture.samples.itemsize,
        grey=picture.space == "GRAY",
        profile=seen.profile,
        original=seen.original,
        metadata=metadata.upright(shot, width, height, srgb=picture.space in ("CMYK", "LAB")),
        dpi=picture.dpi,
        coding=picture.coding,
        notes=seen.notes,
    )
    return Photo(np.repeat(pixels, 3, axis=-1) if channels == 1 else pixels, alpha, source)


@dataclass(frozen=True)
class Probe:
    """What a file's header says."""

    format: str
    width: int
    """As stored: a photo that is turned upright may come out with sides exchanged."""
    height: int


def probe(file: Path | bytes, *, name: str = "") -> Probe:
    """Kind and size of a picture.

    Raises:
      UnreadablePhoto: it is no picture, damaged, or of a kind that is not read.
    """
    opened = open_picture(file, name)
    return Probe(opened.format, opened.width, opened.height)
