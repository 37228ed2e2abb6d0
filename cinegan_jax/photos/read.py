"""Read photos with their metadata, for development; check sizes and name files in errors."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cinegan_jax.core.storage import AnyPath
from cinegan_jax.photos import metadata
from cinegan_jax.photos.colours import rendered
from cinegan_jax.photos.formats.registry import module_of
from cinegan_jax.photos.gain_map import turned
from cinegan_jax.photos.kinds import kind_of, refusal_of
from cinegan_jax.photos.levels import to_sixteen_bits
from cinegan_jax.photos.light import Light
from cinegan_jax.photos.limits import MAX_PROFILE_BYTES, check_sides, require_at_most
from cinegan_jax.photos.metadata.history import last_development
from cinegan_jax.photos.orientation import turned_upright
from cinegan_jax.photos.photo import (
    OpenedImage,
    Photo,
    Source,
    StoredImage,
    UnreadablePhoto,
    Unsupported,
)
from cinegan_jax.photos.profile_builders import adobe_rgb_profile
from cinegan_jax.photos.relight import relit


@dataclass(frozen=True)
class Probe:
    """Format and size from a file's header."""

    format: str
    width: int
    """Stored width in pixels; turning the photo upright may exchange width and height."""
    height: int


def read_photo(
    file: Path | bytes, *, name: str = "", max_pixels: int, light: Light = Light()
) -> Photo:
    """Read an image file with everything that is needed to write it again.

    Args:
      file: path or content; the format is recognised by the content.
      name: name of the file in errors, by default its path.
      max_pixels: larger images are refused before they are decoded.
      light: exposure and white balance to apply.

    Raises:
      UnreadablePhoto: the file is missing, damaged, too large, or of an unsupported format.
    """
    name = _name(file, name)
    with errors_named(name):
        opened = open_image(file)
        check_size(opened, max_pixels)
        of_sensor = opened.decode_in_light
        image = opened.decode() if of_sensor is None else of_sensor(light)
        check_profile(image)
        if opened.read_metadata is not None:
            found = opened.read_metadata(image)
            image = replace(image, metadata=found.metadata, notes=image.notes + found.notes)
        return _photo(name, opened.format, image, Light() if of_sensor else light)


def read_development(file: Path | bytes, *, name: str = "", max_pixels: int) -> dict | None:
    """Return the settings that the history of a developed photo records last.

    Args:
      file, name, max_pixels: as for `read_photo`.

    Returns:
      Names and values, such as `{"look": "velvia", "strength": 0.7}`; None if there are none.

    Raises:
      UnreadablePhoto: as for `read_photo`.
    """
    return last_development(read_photo(file, name=name, max_pixels=max_pixels).source.metadata)


def probe(file: Path | bytes, *, name: str = "") -> Probe:
    """Read format and size of an image without decoding it.

    Raises:
      UnreadablePhoto: the file is missing, damaged, or of an unsupported format.
    """
    with errors_named(_name(file, name)):
        opened = open_image(file)
    return Probe(opened.format, opened.width, opened.height)


def open_image(file: AnyPath | bytes) -> OpenedImage:
    """Read the header of an image file; raises any type of exception for a damaged one."""
    data = file if isinstance(file, bytes) else file.read_bytes()
    kind = kind_of(data)
    if kind is None:
        raise Unsupported(refusal_of(data))
    return module_of(kind).open_file(data)


def check_size(opened: OpenedImage, max_pixels: int) -> None:
    """Raise Unsupported if an image has no pixels, too long a side, or over `max_pixels`."""
    check_sides(opened.width, opened.height)
    if (pixels := opened.width * opened.height) > max_pixels:
        raise Unsupported(
            f"{opened.width} x {opened.height} pixels are {pixels / 1e6:.1f} megapixels; "
            f"at most {max_pixels / 1e6:g} are allowed"
        )


def check_profile(image: StoredImage) -> None:
    """Raise Unsupported if an ICC profile is too large to be used."""
    require_at_most(len(image.profile or b""), MAX_PROFILE_BYTES, "bytes of ICC profile")


@contextlib.contextmanager
def errors_named(name: str) -> Iterator[None]:
    """Turn every error but MemoryError into an UnreadablePhoto that names the file."""
    try:
        yield
    except Unsupported as error:
        raise UnreadablePhoto(f"{name}: {error}") from error
    except FileNotFoundError as error:
        raise UnreadablePhoto(f"{name}: no such file") from error
    except IsADirectoryError as error:
        raise UnreadablePhoto(f"{name}: a folder") from error
    except PermissionError as error:
        raise UnreadablePhoto(f"{name}: no permission to read it") from error
    except MemoryError:
        raise
    except Exception as error:  # decoders raise many types for damaged bytes
        raise UnreadablePhoto(f"{name}: cannot be decoded: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """Return the first line of an error's text, or its type; LibRaw's text is bytes."""
    text = error.args[0] if error.args else ""
    text = text.decode(errors="replace") if isinstance(text, bytes) else str(error)
    return text.partition("\n")[0] or type(error).__name__


def _name(file: Path | bytes, name: str) -> str:
    return name or (str(file) if isinstance(file, Path) else "the image")


def _photo(name: str, format: str, stored: StoredImage, light: Light) -> Photo:
    image = stored
    shot, damage = metadata.readable_parts(image.metadata)
    turn = metadata.orientation(shot)
    if image.profile is None and image.space == "RGB" and metadata.is_adobe_rgb(shot):
        image = replace(image, profile=adobe_rgb_profile())
    image = relit(image, light)
    image = replace(
        image,
        samples=turned_upright(image.samples, turn),
        alpha=None if image.alpha is None else turned_upright(image.alpha, turn),
        gain_map=None if image.gain_map is None else turned(image.gain_map, turn),
    )
    seen = rendered(image)
    pixels, alpha = seen.pixels, image.alpha
    if alpha is not None and alpha.dtype != pixels.dtype:
        alpha = to_sixteen_bits(alpha)
    height, width, channels = pixels.shape
    to_srgb = stored.space in ("CMYK", "LAB")
    true, lost = metadata.upright(shot, turn, width, height, to_srgb)
    source = Source(
        name=name,
        format=format,
        bits=8 * stored.samples.itemsize,
        grey=image.space == "GRAY",
        profile=seen.profile,
        original=seen.original,
        metadata=true,
        dpi=image.dpi[::-1] if image.dpi and turn >= 5 else image.dpi,
        coding=image.coding,
        notes=seen.notes + damage + lost,
        gain_map=image.gain_map,
    )
    return Photo(np.repeat(pixels, 3, axis=-1) if channels == 1 else pixels, alpha, source)
