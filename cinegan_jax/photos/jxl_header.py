"""Header of JPEG XL files (ISO/IEC 18181-1, annexes D and E): size, bits, colours, orientation."""

from dataclasses import dataclass

from cinegan_jax.photos import cicp
from cinegan_jax.photos.photo import Unsupported
from cinegan_jax.photos.profile_builders import SRGB, Chromaticities, matrix_profile

_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
WHITES = {1: SRGB.white, 10: (1 / 3, 1 / 3), 11: cicp.DCI_WHITE}
PRIMARIES = {1: SRGB, 9: cicp.BT2020, 11: cicp.DISPLAY_P3}
CUSTOM = 2
_GREY, _XYB = 1, 2
_ALPHA, _SPOT, _BLACK, _FILTER = 0, 2, 4, 5
_SIZES = ((9, 1), (13, 1), (18, 1), (30, 1))
_ENUM = ((0, 0), (0, 1), (4, 2), (6, 18))


@dataclass(frozen=True)
class JxlHeader:
    """Properties of an image."""

    width: int
    height: int
    bits: int = 8
    animated: bool = False
    associated_alpha: bool = False
    xyb: bool = True
    """True if the pixels are stored in XYB, as lossy files do."""
    grey: bool = False
    has_icc: bool = False
    """True if the colour space is an embedded ICC profile."""
    profile: bytes | None = None
    """ICC profile made of the named colour space; None for sRGB and an embedded profile."""
    orientation: int = 1
    """Orientation 1..8 as in EXIF; the decoder applies it."""
    extra_fields: bool = False
    depth: range = range(0)
    """Positions of the bits that state the bits per sample, counted after the signature."""
    colours: range = range(0)
    """Positions of the bits that state the colour space."""


def read_jxl_header(codestream: bytes) -> JxlHeader:
    """Read the header of a JPEG XL codestream.

    Raises:
      Unsupported: an HDR image, or one in CMYK or XYB.
      ValueError: the header is damaged.
    """
    bits = _Bits(codestream[2:])
    width, height = _size(bits)
    if bits.flag():  # all defaults
        return JxlHeader(width, height)
    extra_fields = bits.flag()
    orientation, animated = _read_extra_fields(bits) if extra_fields else (1, False)
    start = bits.position
    depth = _read_depth(bits)
    depth_place = range(start, bits.position)
    bits.flag()  # buffers of 16 bits suffice
    channels = bits.choice((0, 0), (0, 1), (4, 2), (12, 1))
    alphas = [_read_extra_channel(bits) for _ in range(channels)]
    xyb = bits.flag()
    start = bits.position
    grey, has_icc, profile = _read_colours(bits)
    return JxlHeader(
        *(width, height, depth, animated, any(alphas), xyb, grey, has_icc, profile),
        orientation=orientation,
        extra_fields=extra_fields,
        depth=depth_place,
        colours=range(start, bits.position),
    )


class _Bits:
    """Reader of bits, least significant first."""

    def __init__(self, data: bytes) -> None:
        data = data[:4096]
        self._value, self._end = int.from_bytes(data, "little"), 8 * len(data)
        self.position = 0

    def take(self, count: int) -> int:
        value = self._value >> self.position & (1 << count) - 1
        self.position += count
        if self.position > self._end:
            raise ValueError("truncated header")
        return value

    def flag(self) -> bool:
        return bool(self.take(1))

    def choice(self, *distributions: tuple[int, int]) -> int:
        """Read U32: a selector of 2 bits, then a number of bits that is added to an offset."""
        count, offset = distributions[self.take(2)]
        return offset + self.take(count)


def _size(bits: _Bits) -> tuple[int, int]:
    """Return width and height (SizeHeader)."""
    small = bits.flag()
    height = 8 * (1 + bits.take(5)) if small else bits.choice(*_SIZES)
    ratio = bits.take(3)
    if ratio:
        across, down = _RATIOS[ratio - 1]
        return height * across // down, height
    return (8 * (1 + bits.take(5)) if small else bits.choice(*_SIZES)), height


def _read_extra_fields(bits: _Bits) -> tuple[int, bool]:
    """Return the orientation, and True for an animation."""
    orientation = 1 + bits.take(3)
    if bits.flag():
        _size(bits)
    if bits.flag():
        _read_preview(bits)
    animated = bits.flag()
    if animated:
        bits.choice((0, 100), (0, 1000), (10, 1), (30, 1))
        bits.choice((0, 1), (0, 1001), (8, 1), (10, 1))
        bits.choice((0, 0), (3, 0), (16, 0), (32, 0))
        bits.flag()
    return orientation, animated


def _read_preview(bits: _Bits) -> None:
    small = ((0, 16), (0, 32), (5, 1), (9, 33))
    sizes = small if bits.flag() else ((6, 1), (8, 65), (10, 321), (12, 1345))
    bits.choice(*sizes)
    if not bits.take(3):
        bits.choice(*sizes)


def _read_depth(bits: _Bits) -> int:
    """Return the bits per sample (BitDepth)."""
    if not bits.flag():
        return bits.choice((0, 8), (0, 10), (0, 12), (6, 1))
    depth = bits.choice((0, 32), (0, 16), (0, 24), (6, 1))
    bits.take(4)
    return depth


def _read_extra_channel(bits: _Bits) -> bool:
    """Read a channel beside the colours; return True for associated alpha."""
    if bits.flag():
        return False
    kind = bits.choice(*_ENUM)
    _read_depth(bits)
    bits.choice((0, 0), (0, 3), (0, 4), (3, 1))
    for _ in range(bits.choice((0, 0), (4, 0), (5, 16), (10, 48))):
        bits.take(8)  # name
    if kind == _BLACK:
        raise Unsupported("a JPEG XL file in CMYK; save it as RGB")
    if kind == _SPOT:
        bits.take(64)
    if kind == _FILTER:
        bits.choice((0, 1), (2, 0), (4, 3), (8, 19))
    return kind == _ALPHA and bits.flag()


def _read_colours(bits: _Bits) -> tuple[bool, bool, bytes | None]:
    """Return whether an image is grey, whether it embeds a profile, and one for named colours."""
    if bits.flag():
        return False, False, None
    has_icc, kind = bits.flag(), bits.choice(*_ENUM)
    grey = kind == _GREY
    if has_icc:
        return grey, True, None
    if kind == _XYB:
        raise Unsupported("a JPEG XL file in the colour space XYB; save it as RGB")
    number = bits.choice(*_ENUM)
    white = _point(bits) if number == CUSTOM else WHITES.get(number, SRGB.white)
    space = SRGB
    if not grey:
        number = bits.choice(*_ENUM)
        custom = number == CUSTOM
        points = [_point(bits) for _ in range(3)] if custom else PRIMARIES.get(number, space)[1:]
        space = Chromaticities(white, *points)
    model = "GRAY" if grey else "RGB"
    gamma, transfer = (bits.take(24) / 1e7, 0) if bits.flag() else (0.0, bits.choice(*_ENUM))
    bits.choice(*_ENUM)  # rendering intent
    profile = matrix_profile(space, 1 / gamma, model) if gamma else None
    return grey, False, profile or cicp.profile_with(space, transfer, model)


def _point(bits: _Bits) -> tuple[float, float]:
    """Return CIE x and y (CustomXY)."""
    x, y = (bits.choice((19, 0), (19, 524288), (20, 1048576), (21, 2097152)) for _ in range(2))
    return _signed(x) / 1e6, _signed(y) / 1e6


def _signed(value: int) -> int:
    return -(value + 1) // 2 if value & 1 else value // 2
