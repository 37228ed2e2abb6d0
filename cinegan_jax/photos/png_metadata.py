"""Metadata in the chunks of a PNG: EXIF, XMP, IPTC, texts (PNG specification, 11.3)."""

import re
import struct
import zlib
from collections.abc import Iterable, Iterator

from cinegan_jax.photos.metadata import DAMAGED, FileMetadata, Metadata, Text, left_out
from cinegan_jax.photos.metadata.blocks import CREDENTIALS, Chunk
from cinegan_jax.photos.metadata.fitting import chunk_name
from cinegan_jax.photos.metadata.photoshop import parse_resources, resources

MAX_TEXT_BYTES = 64 << 20
"""Limit of all decompressed texts of a file."""
_XMP_KEYWORD = "XML:com.adobe.xmp"
_RAW_PROFILE = "Raw profile type "
_EXIF_PREFIX = b"Exif\0\0"
_PHOTOSHOP_HEADER = b"Photoshop 3.0\0"
_XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\0"
_IMAGE = frozenset(
    (
        *(b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB"),
        *(b"cICP", b"mDCV", b"cLLI", b"mDCv", b"cLLi", b"hIST", b"pHYs", b"sPLT", b"iDOT", b"CgBI"),
        *(b"acTL", b"fcTL", b"fdAT"),  # animation
    )
)
"""Chunks about the pixels, which are not read here."""
_TIME = b"tIME"
_LONGEST_PLAIN = 1024


def read_png_metadata(chunks: Iterable[tuple[bytes, bytes]]) -> FileMetadata:
    """Read the metadata of a PNG.

    Args:
      chunks: name and content of each chunk.
    """
    reader = _Reader()
    for name, content in chunks:
        reader.read(name, content)
    return reader.result()


def png_chunks(metadata: Metadata) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of the chunks that hold the metadata."""
    if metadata.exif:
        yield b"eXIf", metadata.exif
    if metadata.xmp:
        yield b"iTXt", _XMP_KEYWORD.encode() + bytes(5) + metadata.xmp
    if blocks := resources(metadata.iptc, metadata.photoshop):
        yield b"zTXt", _raw_profile("iptc", blocks)
    for text in metadata.texts:
        yield _text_chunk(text)
    yield from metadata.chunks


class _Reader:
    """Collects the metadata of the chunks, within a limit of decompressed bytes."""

    def __init__(self) -> None:
        self._left = MAX_TEXT_BYTES
        self._exif = self._raw_exif = self._xmp = self._iptc = b""
        self._photoshop: tuple = ()
        self._texts: list[Text] = []
        self._chunks: list[Chunk] = []
        self._lost: list[str] = []
        self._damaged = False

    def read(self, name: bytes, content: bytes) -> None:
        """Read a chunk."""
        if name in _IMAGE:
            return
        if name == b"eXIf":
            self._exif = content.removeprefix(_EXIF_PREFIX)
        elif name in (b"tEXt", b"zTXt", b"iTXt"):
            self._read_text(name, content)
        elif name == _TIME or name[3:].islower():  # lower case: safe to copy
            self._chunks.append(Chunk(name, content))
        else:
            self._lost.append(CREDENTIALS if name == b"caBX" else chunk_name(name))

    def result(self) -> FileMetadata:
        """Return what was found."""
        metadata = Metadata(
            self._exif or self._raw_exif,
            self._xmp,
            self._iptc,
            self._photoshop,
            tuple(self._texts),
            tuple(self._chunks),
        )
        damaged = (DAMAGED,) if self._damaged else ()
        return FileMetadata(metadata, (*left_out(self._lost), *damaged))

    def _read_text(self, name: bytes, content: bytes) -> None:
        keyword, _, rest = content.partition(b"\0")
        try:
            text = self._text(name, keyword.decode("latin-1"), rest)
        except _TooLarge:
            self._lost.append(
                f"text “{keyword.decode('latin-1')}”, above the limit of "
                f"{MAX_TEXT_BYTES >> 20} MB for all texts"
            )
        except (ValueError, zlib.error, struct.error):
            self._damaged = True
        else:
            self._place(text)

    def _text(self, name: bytes, keyword: str, rest: bytes) -> Text:
        if name == b"tEXt":
            return Text(keyword, self._counted(rest).decode("latin-1"))
        if name == b"zTXt":
            return Text(keyword, self._inflated(rest[1:]).decode("latin-1"))
        compressed = rest[:1] == b"\1"
        language, translated, text = rest[2:].split(b"\0", 2)
        text = self._inflated(text) if compressed else self._counted(text)
        return Text(keyword, text.decode(), language.decode("latin-1"), translated.decode())

    def _place(self, text: Text) -> None:
        """Store a text, or the metadata that it holds."""
        if text.keyword == _XMP_KEYWORD:
            self._xmp = self._xmp or text.content.encode()
        elif text.keyword.startswith(_RAW_PROFILE):
            kind = text.keyword.removeprefix(_RAW_PROFILE)
            try:
                self._place_profile(kind, _unhexed(text.content))
            except ValueError:
                self._damaged = True
        else:
            self._texts.append(text)

    def _place_profile(self, kind: str, content: bytes) -> None:
        """Store a raw profile of ImageMagick; a colour profile is not read here."""
        if kind in ("exif", "APP1", "app1") and not content.startswith(_XMP_PREFIX):
            self._raw_exif = content.removeprefix(_EXIF_PREFIX)
        elif kind in ("xmp", "APP1", "app1"):
            self._xmp = self._xmp or content.removeprefix(_XMP_PREFIX)
        elif kind in ("iptc", "8bim", "psir"):
            self._place_iptc(content.removeprefix(_PHOTOSHOP_HEADER))
        elif kind not in ("icc", "icm"):
            self._lost.append(f"raw profile {kind}")

    def _place_iptc(self, content: bytes) -> None:
        iptc, blocks = parse_resources(content)
        if not iptc and not blocks:
            iptc = content
        self._iptc = self._iptc or iptc
        self._photoshop = self._photoshop or blocks

    def _inflated(self, data: bytes) -> bytes:
        decompressor = zlib.decompressobj()
        content = decompressor.decompress(data, self._left + 1)
        if len(content) <= self._left and not decompressor.eof:
            raise ValueError("truncated text")
        return self._counted(content)

    def _counted(self, content: bytes) -> bytes:
        if len(content) > self._left:
            raise _TooLarge
        self._left -= len(content)
        return content


class _TooLarge(Exception):
    """The texts of a file exceed their limit."""


def _unhexed(text: str) -> bytes:
    """Return the bytes of a raw profile: a newline, its name, its size, then hexadecimal digits."""
    found = re.match(r"\s*[^\n]*\n\s*\d+\s*\n", text)
    return bytes.fromhex(text[found.end() if found else 0 :])


def _raw_profile(kind: str, content: bytes) -> bytes:
    digits = content.hex()
    lines = "\n".join(digits[start : start + 72] for start in range(0, len(digits), 72))
    text = f"\n{kind}\n{len(content):8}\n{lines}\n"
    return f"{_RAW_PROFILE}{kind}".encode() + b"\0\0" + zlib.compress(text.encode())


def _text_chunk(text: Text) -> tuple[bytes, bytes]:
    """Return a text as Latin-1 where that holds it, else as UTF-8; long ones are compressed."""
    keyword = text.keyword.encode("latin-1", errors="replace")
    try:
        if text.language or text.translated:
            raise UnicodeError
        content = text.content.encode("latin-1")
    except UnicodeError:
        return b"iTXt", _international(keyword, text)
    if len(content) > _LONGEST_PLAIN:
        return b"zTXt", keyword + b"\0\0" + zlib.compress(content)
    return b"tEXt", keyword + b"\0" + content


def _international(keyword: bytes, text: Text) -> bytes:
    content = text.content.encode()
    compressed = len(content) > _LONGEST_PLAIN
    head = (keyword, bytes([compressed, 0]) + text.language.encode(), text.translated.encode())
    return b"\0".join((*head, zlib.compress(content) if compressed else content))
