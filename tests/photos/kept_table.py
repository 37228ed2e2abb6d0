"""Write the tables of docs/darkroom.md on what developed photos keep, by developing photos.

Usage: python tests/photos/kept_table.py
"""

import io
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import imagecodecs
import numpy as np
import tifffile
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from cinegan_jax.photos.encode import EncodeOptions, encode_with_notes
from cinegan_jax.photos.formats.registry import WRITTEN_SUFFIXES
from cinegan_jax.photos.metadata import Metadata
from cinegan_jax.photos.profile_builders import adobe_rgb_profile
from cinegan_jax.photos.read import read_photo

PAGE = Path(__file__).parents[2] / "docs" / "darkroom.md"
BEGIN = "<!-- Written by `python tests/photos/kept_table.py`. Do not edit. -->"
END = "<!-- End of the written part. -->"
BECOME = re.compile(r"bits per channel become (\d+)")
CAPTION = b"\x1c\x02\x78\0\x05Hello"
URL = b"8BIM\x04\x0b\0\0\0\0\0\x0ehttps://a.b/c/"
BLOCKS = b"8BIM\x04\x04\0\0" + struct.pack(">L", len(CAPTION)) + CAPTION
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description'
    b' rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"/>'
    b"</rdf:RDF></x:xmpmeta>"
)
FORMATS = ("jpeg", "png", "webp", "tiff", "avif", "heic", "jxl", "gif", "bmp")


class Written(NamedTuple):
    """A developed photo as other readers see it."""

    image: Image.Image
    metadata: Metadata
    bits: int
    notes: tuple[str, ...]


class Kind(NamedTuple):
    """Something that an image file may hold beside 8-bit colours."""

    name: str
    made: Mapping[str, Callable[[], bytes]]
    """Functions that make a file with it, by format; formats that are missing cannot hold it."""
    outcome: Callable[[Written], str]
    """Describes what became of it; empty if it is lost."""


def main() -> None:
    """Replace the written part of the page."""
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(with_tables(text), encoding="utf-8")


def with_tables(page: str) -> str:
    """Return a page with newly measured tables."""
    written = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    return written.sub(lambda _: f"{BEGIN}\n\n{tables()}\n{END}", page)


def tables() -> str:
    """Return both tables."""
    kinds = list(_kinds())
    own = [[kind.name, *(_own_cell(kind, name) for name in FORMATS)] for kind in kinds]
    targets = tuple(name for name in WRITTEN_SUFFIXES if name in FORMATS)
    other = [[kind.name, *(_other_cell(kind, name) for name in targets)] for kind in kinds]
    return "\n".join(
        (
            "A photo that stays in its format (GIF becomes PNG):\n",
            _table(("", *map(_shown, FORMATS)), own),
            "A photo that `--format` writes in another format:\n",
            _table(("", *(f"to {_shown(name)}" for name in targets)), other),
        )
    )


def _shown(name: str) -> str:
    return {"jpeg": "JPEG", "webp": "WebP", "jxl": "JPEG XL"}.get(name, name.upper())


def _table(head: tuple[str, ...], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _own_cell(kind: Kind, name: str) -> str:
    return _cell(kind, kind.made[name](), None) if name in kind.made else "–"


def _other_cell(kind: Kind, target: str) -> str:
    source = next((name for name in kind.made if name != target), target)
    return _cell(kind, kind.made[source](), target)


def _cell(kind: Kind, data: bytes, target: str | None) -> str:
    photo = read_photo(data, max_pixels=10**6)
    file, notes = encode_with_notes(photo, photo.pixels, EncodeOptions(target))
    again = read_photo(file, max_pixels=10**6)
    opened = {"heic": _heic, "jxl": _jxl}.get(again.source.format)
    image = opened(file) if opened else Image.open(io.BytesIO(file))
    notes = photo.source.notes + notes
    outcome = kind.outcome(Written(image, again.source.metadata, again.source.bits, notes))
    if not outcome and not notes:
        raise AssertionError(
            f"{kind.name} is lost without a note in {target or photo.source.format}"
        )
    return outcome or "left out, with a note"


def _heic(file: bytes) -> Image.Image:
    import pillow_heif

    return pillow_heif.open_heif(io.BytesIO(file)).to_pillow()


def _jxl(file: bytes) -> Image.Image:
    """Return an image with what pyjpegxl finds in a JPEG XL file."""
    import pyjpegxl

    found, samples = pyjpegxl.decode_to_numpy(file, dtype="uint8")
    image = Image.fromarray(samples)
    image.format = "JXL"
    if found.exif:
        image.info["exif"] = found.exif[found.exif.index(b"MM\0*") :]
    if b"sRGB" not in ImageCms.getProfileDescription(_opened(found.icc)).encode():
        image.info["icc_profile"] = found.icc
    return image


def _opened(profile: bytes) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(io.BytesIO(profile))


def _kinds() -> Iterator[Kind]:
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    with_exif = _by_pillow("jpeg png webp tiff avif heic", exif=exif)
    in_box = exif.tobytes().removeprefix(b"Exif\0\0")
    yield Kind("EXIF", with_exif | {"jxl": lambda: _jxl_box(b"Exif", bytes(4) + in_box)}, _exif)
    with_xmp = _by_pillow("png jpeg webp tiff avif heic", xmp=XMP)
    boxed = {"jxl": lambda: _jxl_box(b"xml ", XMP)}
    yield Kind("XMP", with_xmp | boxed | {"gif": _gif_xmp}, _xmp)
    yield Kind(
        "IPTC", {"jpeg": lambda: _with_blocks(BLOCKS), "png": _png_iptc, "tiff": _tiff_iptc}, _iptc
    )
    yield Kind(
        "settings of Photoshop", {"jpeg": lambda: _with_blocks(URL), "tiff": _tiff_url}, _url
    )
    yield Kind(
        "comment",
        {
            "png": lambda: _png_text("Comment"),
            "jpeg": lambda: _saved("jpeg", comment=b"words"),
            "gif": lambda: _saved("gif", comment=b"words"),
        },
        _comment,
    )
    yield Kind("title, author, description, copyright", {"png": lambda: _png_text("Title")}, _title)
    yield Kind("other texts", {"png": lambda: _png_text("parameters")}, _other_text)
    profile = adobe_rgb_profile()
    embedded = _by_pillow("png jpeg webp tiff avif heic", icc_profile=profile)
    yield Kind("colour profile", embedded | {"jxl": lambda: _jxl_profile(profile)}, _profile)
    yield Kind("resolution", _by_pillow("png jpeg tiff bmp", dpi=(300, 300)), _resolution)
    yield Kind("transparency", {name: _alpha_maker(name) for name in _ALPHA}, _alpha)
    yield Kind(
        "16 bits per channel", {"png": _deep_png, "tiff": _deep_tiff, "jxl": _deep_jxl}, _bits
    )


_ALPHA = ("png", "webp", "tiff", "avif", "heic", "jxl", "gif")


def _saved(name: str, mode: str = "RGB", **options: Any) -> bytes:
    if name == "heic":
        import pillow_heif

        pillow_heif.register_heif_opener()
    file = io.BytesIO()
    image = Image.new(mode, (16, 12), (90, 120, 150, 100)[: len(mode)])
    image.save(file, {"heic": "heif"}.get(name, name), **options)
    return file.getvalue()


def _by_pillow(names: str, **options: Any) -> dict[str, Callable[[], bytes]]:
    return {name: _maker(name, options) for name in names.split()}


def _maker(name: str, options: dict[str, Any]) -> Callable[[], bytes]:
    if name == "png" and "xmp" in options:
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", XMP.decode())
        return lambda: _saved("png", pnginfo=info)
    if name == "tiff" and "xmp" in options:
        return lambda: _tiff((700, 1, len(XMP), XMP, True))
    return lambda: _saved(name, **options)


def _alpha_maker(name: str) -> Callable[[], bytes]:
    if name == "jxl":
        return lambda: bytes(imagecodecs.jpegxl_encode(np.full((12, 16, 4), 100, np.uint8)))
    return lambda: _saved(name, "RGBA") if name != "gif" else _saved("gif", "L", transparency=90)


def _tiff(*tags: tuple[int, int, int, bytes, bool]) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(
        file, np.zeros((12, 16, 3), np.uint8), photometric="rgb", extratags=tags, metadata=None
    )
    return file.getvalue()


def _tiff_iptc() -> bytes:
    return _tiff((33723, 7, len(CAPTION), CAPTION, True))


def _tiff_url() -> bytes:
    return _tiff((34377, 1, len(URL), URL, True))


def _png_text(keyword: str) -> bytes:
    info = PngInfo()
    info.add_text(keyword, "words")
    return _saved("png", pnginfo=info)


def _png_iptc() -> bytes:
    info = PngInfo()
    info.add_text("Raw profile type iptc", f"\niptc\n{len(BLOCKS):8}\n{BLOCKS.hex()}\n", zip=True)
    return _saved("png", pnginfo=info)


def _with_blocks(blocks: bytes) -> bytes:
    content = b"Photoshop 3.0\0" + blocks
    return _saved("jpeg", extra=b"\xff\xed" + struct.pack(">H", len(content) + 2) + content)


def _gif_xmp() -> bytes:
    file = _saved("gif")
    trailer = b"\1" + bytes(range(255, -1, -1)) + b"\0"
    return file[:-1] + b"\x21\xff\x0bXMP DataXMP" + XMP + trailer + file[-1:]


def _jxl_box(name: bytes, content: bytes) -> bytes:
    """Return a JPEG XL file with a box of metadata before its pixels."""
    file = bytes(imagecodecs.jpegxl_encode(np.zeros((12, 16, 3), np.uint8), usecontainer=True))
    at = file.index(b"jxlc") - 4
    return file[:at] + struct.pack(">L", len(content) + 8) + name + content + file[at:]


def _jxl_profile(profile: bytes) -> bytes:
    return bytes(imagecodecs.jpegxl_encode_jpeg(_saved("jpeg", icc_profile=profile)))


def _deep_jxl() -> bytes:
    return bytes(imagecodecs.jpegxl_encode(_deep(), lossless=True))


def _deep() -> np.ndarray:
    return np.arange(16 * 12 * 3, dtype=np.uint16).reshape(12, 16, 3) * 113


def _deep_png() -> bytes:
    return bytes(imagecodecs.png_encode(_deep()))


def _deep_tiff() -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, _deep(), photometric="rgb")
    return file.getvalue()


def _exif(written: Written) -> str:
    return "kept" if written.image.getexif().get(0x010F) == "Camera" else ""


def _xmp(written: Written) -> str:
    return "kept" if b"Rating" in written.metadata.xmp else ""


def _iptc(written: Written) -> str:
    if written.metadata.iptc.startswith(CAPTION):
        return "kept"
    return "in XMP" if b"Hello" in written.metadata.xmp else ""


def _url(written: Written) -> str:
    return "kept" if any(block.number == 0x040B for block in written.metadata.photoshop) else ""


def _comment(written: Written) -> str:
    if written.metadata.texts:
        return "kept"
    return "in XMP" if b"UserComment" in written.metadata.xmp else ""


def _title(written: Written) -> str:
    if written.metadata.texts:
        return "kept"
    return "in XMP" if b"dc:title" in written.metadata.xmp else ""


def _other_text(written: Written) -> str:
    return "kept" if written.metadata.texts else ""


def _profile(written: Written) -> str:
    return "kept" if written.image.info.get("icc_profile") else "becomes sRGB"


def _resolution(written: Written) -> str:
    dpi = written.image.info.get("dpi")
    if dpi is not None and abs(float(dpi[0]) - 300) < 0.1:
        return "kept"
    return "in EXIF" if abs(float(written.image.getexif().get(0x011A, 0)) - 300) < 0.1 else ""


def _alpha(written: Written) -> str:
    if written.image.mode in ("RGBA", "LA"):
        return "kept"
    return "over white, with a note" if any("white" in note for note in written.notes) else ""


def _bits(written: Written) -> str:
    """Return the bits that a note states; a reader has them too where it knows more than 8."""
    stated = [int(number) for note in written.notes for number in BECOME.findall(note)]
    if not stated:
        return "kept" if written.bits > 8 else ""
    return f"{stated[0]} bits, with a note" if (stated[0] > 8) == (written.bits > 8) else ""


if __name__ == "__main__":
    main()
