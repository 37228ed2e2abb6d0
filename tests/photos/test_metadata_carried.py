"""Metadata of every kind from format to format, read back by other programs' readers."""

import hashlib
import io
import struct
import zlib
from typing import Any
from xml.etree import ElementTree

import exiv2
import numpy as np
import pytest
import tifffile
from image_files import XMP, exif_of, reread, saved
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from cinegan_jax.photos import png_metadata
from cinegan_jax.photos.encode import EncodedPhoto, EncodeOptions, encode_with_notes
from cinegan_jax.photos.read import read_photo

UPRIGHT_XMP = XMP.replace(b"ORIENTATION", b"1")
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
DC = "{http://purl.org/dc/elements/1.1/}"
BIG_TEXT = "".join(chr(97 + n % 26) for n in range(70_000))
BIG_XMP = UPRIGHT_XMP.replace(
    b"/></rdf:RDF>",
    b"><d:description xmlns:d='http://purl.org/dc/elements/1.1/'><rdf:Alt>"
    b"<rdf:li xml:lang='x-default'>" + BIG_TEXT.encode() + b"</rdf:li></rdf:Alt></d:description>"
    b"</rdf:Description></rdf:RDF>",
)
PATH = b"8BIM\x07\xd0\x04Pfad\0\0\0\0\x1a" + bytes(26)
URL = b"8BIM\x04\x0b\0\0\0\0\0\x0ehttps://a.b/c/"
CAPTION = b"\x1c\x02\x78\0\x05Hello"
OTHER_RECORD = b"\x1c\x02\xc8\0\x03abc"
"""IPTC record 2:200, which has no place in XMP."""
IPTC_BLOCK = b"8BIM\x04\x04\0\0" + struct.pack(">L", len(CAPTION)) + CAPTION
THUMBNAIL = b"8BIM\x04\x0c\0\0\0\0\0\x04abcd"


def through(data: bytes, format: str | None = None) -> EncodedPhoto:
    photo = read_photo(data, max_pixels=10**6)
    written = encode_with_notes(photo, photo.pixels, EncodeOptions(format))
    return EncodedPhoto(written.data, photo.source.notes + written.notes)


def plain(format: str = "png", **options: Any) -> bytes:
    return saved(Image.new("RGB", (16, 8), (90, 120, 150)), format, **options)


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def jpeg_with(*segments: bytes) -> bytes:
    file = plain("jpeg")
    return file[:2] + b"".join(segments) + file[2:]


def chunk(name: bytes, content: bytes) -> bytes:
    head = struct.pack(">L", len(content)) + name + content
    return head + struct.pack(">L", zlib.crc32(name + content))


def png_with(*chunks: tuple[bytes, bytes]) -> bytes:
    file = plain("png")
    return file[:33] + b"".join(chunk(*one) for one in chunks) + file[33:]


def png_chunks_of(data: bytes) -> list[tuple[bytes, bytes]]:
    found, start = [], 8
    while start < len(data):
        size, name = struct.unpack_from(">L4s", data, start)
        found.append((name, data[start + 8 : start + 8 + size]))
        start += size + 12
    return found


def segments_of(data: bytes) -> list[tuple[int, bytes]]:
    found, start = [], 2
    while data[start + 1] != 0xDA:
        size = int.from_bytes(data[start + 2 : start + 4])
        found.append((data[start + 1], data[start + 4 : start + 2 + size]))
        start += 2 + size
    return found


def seen(data: bytes) -> Any:
    """Open a file with exiv2."""
    image = exiv2.ImageFactory.open(data)
    image.readMetadata()
    return image


def dublin_core(packet: bytes, name: str) -> str | None:
    tree = ElementTree.fromstring(packet.strip(b"\0"))
    found = tree.find(f".//{DC}{name}/*/{RDF}li")
    return None if found is None else found.text


def extended(data: bytes) -> tuple[bytes, bytes]:
    """Read standard and extended XMP of a JPEG by Adobe's specification, part 3, 1.1.3.1."""
    start, standard = b"http://ns.adobe.com/xmp/extension/\0", b""
    whole = bytearray()
    for marker, content in segments_of(data):
        if marker == 0xE1 and content.startswith(b"http://ns.adobe.com/xap/1.0/\0"):
            standard = content[29:]
        elif marker == 0xE1 and content.startswith(start):
            guid, size, offset = struct.unpack_from(">32sLL", content, len(start))
            assert guid in standard
            whole = whole or bytearray(size)
            part = content[len(start) + 40 :]
            whole[offset : offset + len(part)] = part
    assert hashlib.md5(whole).hexdigest().upper().encode() in standard
    return standard, bytes(whole)


def test_a_large_packet_is_extended_xmp_in_a_jpeg_and_comes_back() -> None:
    jpeg, notes = through(plain("webp", xmp=BIG_XMP), "jpeg")
    assert notes == ()
    standard, whole = extended(jpeg)
    assert dublin_core(whole, "description") == BIG_TEXT
    assert dublin_core(standard, "description") is None
    assert b'Rating="4"' in standard
    png, notes = through(jpeg, "png")
    assert notes == ()
    packet = reread(png).info["xmp"]
    assert dublin_core(packet, "description") == BIG_TEXT
    assert b"HasExtendedXMP" not in packet
    again, _ = through(jpeg)
    assert dublin_core(extended(again)[1], "description") == BIG_TEXT


def test_a_lost_part_of_extended_xmp_is_noted() -> None:
    jpeg, _ = through(plain("webp", xmp=BIG_XMP), "jpeg")
    start = jpeg.rindex(b"\xff\xe1")
    size = int.from_bytes(jpeg[start + 2 : start + 4])
    shortened, notes = through(jpeg[:start] + jpeg[start + 2 + size :])
    assert ["metadata cannot be read" in note for note in notes] == [True]
    assert str(seen(shortened).xmpData()["Xmp.xmp.Rating"].toString()) == "4"


def big_exif() -> bytes:
    exif = exif_of(1)
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + BIG_TEXT.encode()
    return exif.tobytes()


@pytest.mark.parametrize("format", ["png", "webp", "tiff", "avif"])
def test_large_exif_is_kept_where_it_fits(format: str) -> None:
    written, notes = through(plain("webp", exif=big_exif()), format)
    assert notes == ()
    exif = reread(written).getexif()
    assert exif.get_ifd(0x8769)[0x9286] == b"ASCII\0\0\0" + BIG_TEXT.encode()
    assert exif[0x010F] == "Camera"


def test_a_jpeg_keeps_all_of_a_large_exif_but_its_largest_entry() -> None:
    written, notes = through(plain("webp", exif=big_exif()), "jpeg")
    assert notes == ("left out, since JPEG cannot hold it: EXIF UserComment (70008 bytes)",)
    exif = reread(written).getexif()
    assert exif[0x010F] == "Camera"
    assert exif.get_ifd(0x8769)[0x9003] == "2024:05:06 07:08:09"
    assert exif.get_ifd(0x8825)[1] == "N"


def test_a_big_tiff_keeps_its_exif_and_is_turned() -> None:
    file = io.BytesIO()
    exif = exif_of(6)
    tags = [(0x010F, 2, 7, "Camera", True), (0x0112, 3, 1, 6, True), (700, 1, len(XMP), XMP, True)]
    pixels = np.arange(8 * 4 * 3, dtype=np.uint8).reshape(4, 8, 3)
    tifffile.imwrite(file, pixels, photometric="rgb", bigtiff=True, extratags=tags, metadata=None)
    data = with_exif_directory(file.getvalue(), exif)
    written, notes = through(data, "png")
    image = reread(written)
    assert notes == ()
    np.testing.assert_array_equal(np.asarray(image), np.rot90(pixels, -1))
    assert image.getexif()[0x010F] == "Camera"
    assert image.getexif().get_ifd(0x8769)[0x9003] == "2024:05:06 07:08:09"
    assert image.getexif().get_ifd(0x8769)[0x927C] == 4242


def with_exif_directory(data: bytes, exif: Image.Exif) -> bytes:
    """Add an EXIF directory of a date and a number of 8 bytes to a little-endian BigTIFF."""
    assert data[:4] == b"II+\0"
    date = exif.get_ifd(0x8769)[0x9003].encode() + b"\0"
    place = len(data)
    entries = struct.pack("<HHQQ", 0x9003, 2, len(date), place)
    entries += struct.pack("<HHQQ", 0x927C, 16, 1, 4242)
    directory = place + len(date)
    data += date + struct.pack("<Q", 2) + entries + bytes(8)
    (first,) = struct.unpack_from("<Q", data, 8)
    (count,) = struct.unpack_from("<Q", data, first)
    old = data[first + 8 : first + 8 + 20 * count]
    rows = sorted([old[n : n + 20] for n in range(0, len(old), 20)], key=lambda row: row[:2][::-1])
    pointer = struct.pack("<HHQQ", 0x8769, 16, 1, directory)
    rows = sorted([*rows, pointer], key=lambda row: row[:2][::-1])
    new = len(data)
    data += struct.pack("<Q", count + 1) + b"".join(rows) + bytes(8)
    return data[:8] + struct.pack("<Q", new) + data[16:]


RAW_IPTC = f"\nIPTC profile\n{len(IPTC_BLOCK):8}\n{IPTC_BLOCK.hex()}\n".encode()
PNG_TEXTS = {
    "Title": "A title",
    "Author": "Jörg",
    "Comment": "wide 漢字",
    "parameters": "steps: 20",
}


def full_png() -> bytes:
    info = PngInfo()
    info.add_text("Title", "A title")
    info.add_text("Author", "Jörg", zip=True)
    info.add_itxt("Comment", "wide 漢字", "ja", "注", zip=True)
    info.add_text("parameters", "steps: 20")
    info.add_text("Raw profile type iptc", RAW_IPTC.decode(), zip=True)
    info.add_itxt("XML:com.adobe.xmp", UPRIGHT_XMP.decode(), zip=True)
    info.add(b"tIME", bytes([7, 232, 5, 6, 7, 8, 9]))
    info.add(b"prVt", b"private")
    info.add(b"prVT", b"bound to the pixels")
    return plain("png", pnginfo=info, exif=exif_of(1), dpi=(300, 300))


def test_everything_in_a_png_is_kept() -> None:
    written, notes = through(full_png())
    image = reread(written)
    assert {name: image.text[name] for name in PNG_TEXTS} == PNG_TEXTS
    assert (image.text["Comment"].lang, image.text["Comment"].tkey) == ("ja", "注")
    assert image.getexif()[0x010F] == "Camera"
    assert b'Rating="4"' in image.info["xmp"]
    assert image.info["dpi"] == pytest.approx((300, 300), abs=0.02)
    assert [datum.toString() for datum in seen(written).iptcData()] == ["Hello"]
    chunks = dict(png_chunks_of(written))
    assert chunks[b"tIME"] == bytes([7, 232, 5, 6, 7, 8, 9])
    assert chunks[b"prVt"] == b"private"
    assert notes == ("left out: chunk prVT",)


def test_a_png_becomes_a_jpeg_with_all_that_it_holds() -> None:
    written, notes = through(full_png(), "jpeg")
    image = reread(written)
    assert image.info["comment"].decode() == "wide 漢字"
    packet = image.info["xmp"]
    assert dublin_core(packet, "title") == "A title"
    assert dublin_core(packet, "creator") == "Jörg"
    assert [datum.toString() for datum in seen(written).iptcData()] == ["Hello"]
    assert notes[1:] == (
        "left out, since JPEG cannot hold it: text “parameters”, "
        "time of the last change (tIME), chunk prVt",
    )


def test_a_text_that_differs_from_xmp_is_noted() -> None:
    info = PngInfo()
    info.add_text("Description", "Another")
    info.add_itxt("XML:com.adobe.xmp", BIG_XMP.decode())
    written, notes = through(plain("png", pnginfo=info), "webp")
    assert notes == ("left out, since WEBP cannot hold it: text “Description”",)
    assert dublin_core(reread(written).info["xmp"], "description") == BIG_TEXT


def test_texts_beyond_the_limit_are_left_out_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(png_metadata, "MAX_TEXT_BYTES", 1 << 20)
    bomb = b"Bomb\0\0" + zlib.compress(bytes(1 << 21))
    written, notes = through(png_with((b"zTXt", bomb), (b"tEXt", b"Title\0fine")))
    assert reread(written).text == {"Title": "fine"}
    assert notes == ("left out: text “Bomb”, above the limit of 1 MB for all texts",)


@pytest.mark.parametrize(
    "content",
    [b"Title\0\0no zlib", b"Raw profile type iptc\0\0" + zlib.compress(b"\niptc\n 1\nxy")],
)
def test_a_damaged_text_is_noted(content: bytes) -> None:
    _, notes = through(png_with((b"zTXt", content)))
    assert ["metadata cannot be read" in note for note in notes] == [True]


def test_a_legal_text_above_the_limit_of_pillow_is_read() -> None:
    packet = b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(UPRIGHT_XMP + b" " * (3 << 20))
    written, notes = through(png_with((b"iTXt", packet)))
    assert b'Rating="4"' in reread(written).info["xmp"]
    assert notes == ()


@pytest.mark.parametrize("format", ["webp", "avif", "heic"])
def test_iptc_moves_into_xmp_where_a_format_holds_only_that(format: str) -> None:
    if format == "heic":
        pytest.importorskip("pillow_heif")
    block = IPTC_BLOCK.replace(CAPTION, CAPTION + OTHER_RECORD)
    size = struct.pack(">L", len(CAPTION + OTHER_RECORD))
    block = block.replace(struct.pack(">L", len(CAPTION)), size)
    written, notes = through(jpeg_with(segment(0xED, b"Photoshop 3.0\0" + block)), format)
    assert notes == (f"left out, since {format.upper()} cannot hold it: IPTC 2:200",)
    packet = read_photo(written, max_pixels=10**6).source.metadata.xmp
    assert dublin_core(packet, "description") == "Hello"


@pytest.mark.parametrize("format", ["jpeg", "png", "tiff"])
def test_settings_of_photoshop_are_kept_without_thumbnail(format: str) -> None:
    blocks = THUMBNAIL + URL + IPTC_BLOCK + PATH
    written, notes = through(jpeg_with(segment(0xED, b"Photoshop 3.0\0" + blocks)), format)
    assert notes == ()
    kept = read_photo(written, max_pixels=10**6).source.metadata
    assert [block.number for block in kept.photoshop] == [0x040B, 0x07D0]
    assert [datum.toString() for datum in seen(written).iptcData()] == ["Hello"]
    if format == "jpeg":
        assert reread(written).info["photoshop"][0x040B] == b"https://a.b/c/"


def test_paths_of_photoshop_do_not_turn() -> None:
    exif = b"Exif\0\0" + exif_of(6).tobytes().removeprefix(b"Exif\0\0")
    photoshop = segment(0xED, b"Photoshop 3.0\0" + URL + PATH)
    written, notes = through(jpeg_with(segment(0xE1, exif), photoshop))
    assert list(reread(written).info["photoshop"]) == [0x040B]
    assert ["paths of Photoshop" in note for note in notes] == [True]


def test_iptc_of_any_size_fits_into_a_jpeg() -> None:
    keywords = b"".join(
        b"\x1c\x02\x19" + struct.pack(">H", 1000) + bytes([65 + n % 26]) * 1000 for n in range(90)
    )
    block = b"8BIM\x04\x04\0\0" + struct.pack(">L", len(keywords)) + keywords
    raw = f"\niptc\n{len(block):8}\n{block.hex()}\n".encode()
    png = png_with((b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(raw)))
    written, notes = through(png, "jpeg")
    assert notes == ()
    assert [datum.toString()[:1] for datum in seen(written).iptcData()] == [
        chr(65 + n % 26) for n in range(90)
    ]


@pytest.mark.parametrize("format", ["jpeg", "png"])
def test_comments_of_a_jpeg(format: str) -> None:
    written, notes = through(plain("jpeg", comment="größer".encode("latin-1")), format)
    assert notes == ()
    image = reread(written)
    comment = image.text["Comment"] if format == "png" else image.info["comment"].decode()
    assert comment == "größer"


@pytest.mark.parametrize(
    ("marker", "content", "name"),
    [
        (0xEB, b"JP\0\1jumbf", "content credentials"),
        (0xE4, b"FLIR\0\1\2", "segment APP4 (FLIR)"),
        (0xE9, b"\xff\xfe", "segment APP9"),
    ],
)
def test_segments_that_are_left_out_are_named(marker: int, content: bytes, name: str) -> None:
    _, notes = through(jpeg_with(segment(marker, content)))
    assert [name in note for note in notes] == [True]


def test_chunks_of_a_webp_that_are_left_out_are_named() -> None:
    file = plain("webp", xmp=UPRIGHT_XMP)
    file += b"C2PA\4\0\0\0abcdABCD\2\0\0\0xy"
    file = file[:4] + struct.pack("<L", len(file) - 8) + file[8:]
    _, notes = through(file)
    assert "content credentials" in notes[0]
    assert "chunk ABCD" in notes[0]


def test_comments_and_xmp_of_a_gif_are_kept_in_the_png() -> None:
    file = plain("gif", comment=b"c" * 300)
    xmp = b"\x21\xff\x0bXMP DataXMP" + UPRIGHT_XMP + b"\1" + bytes(range(255, -1, -1)) + b"\0"
    written, notes = through(file[:-1] + xmp + file[-1:])
    assert reread(written).text["Comment"] == "c" * 300
    assert b'Rating="4"' in reread(written).info["xmp"]
    assert notes == ()


def test_unknown_extensions_of_a_gif_are_named() -> None:
    file = plain("gif")
    _, notes = through(file[:-1] + b"\x21\xff\x0bABCDEFGH1.0\2xy\0" + file[-1:])
    assert notes == ("left out: extension ABCDEFGH1.0",)


def test_tags_of_a_tiff() -> None:
    file = io.BytesIO()
    tags = [
        (270, 2, 6, "A tree", True),
        (33723, 4, len(CAPTION + b"\0\0") // 4, np.frombuffer(CAPTION + b"\0\0", "<u4"), True),
        (34377, 1, len(URL), URL, True),
        (37724, 7, 8, b"abcdefgh", True),
        (33550, 12, 3, (1.0, 1.0, 0.0), True),
    ]
    tifffile.imwrite(
        file, np.zeros((4, 8, 3), np.uint8), photometric="rgb", extratags=tags, metadata=None
    )
    written, notes = through(file.getvalue())
    assert notes == ("left out: layers of Photoshop",)
    with tifffile.TiffFile(io.BytesIO(written)) as tiff:
        assert tiff.pages[0].tags[270].value == "A tree"
        assert tiff.pages[0].tags[33550].value == (1.0, 1.0, 0.0)
        assert URL in bytes(tiff.pages[0].tags[34377].value)
    assert [datum.toString() for datum in seen(written).iptcData()] == ["Hello"]


def test_a_bitmap_loses_its_metadata_with_a_note() -> None:
    _, notes = through(full_png(), "bmp")
    named = ("EXIF", "XMP", "IPTC", *(f"text “{name}”" for name in PNG_TEXTS), "tIME", "prVt")
    assert len(notes) == 2
    assert all(name in notes[1] for name in named)


@pytest.mark.parametrize("format", ["webp", "avif"])
def test_the_resolution_goes_into_exif_where_a_format_has_no_place_for_it(format: str) -> None:
    written, _ = through(plain("png", dpi=(300, 150)), format)
    exif = reread(written).getexif()
    assert (exif[0x011A], exif[0x011B], exif[0x0128]) == (
        pytest.approx(300, abs=0.02),
        pytest.approx(150, abs=0.02),
        2,
    )


def test_the_resolution_turns_with_the_photo() -> None:
    written, _ = through(plain("png", dpi=(300, 150), exif=exif_of(6)))
    assert reread(written).info["dpi"] == pytest.approx((150, 300), abs=0.02)
