"""Named colour spaces of JPEG XL files (ISO/IEC 18181-1, annex E), and how to declare one.

imagecodecs declares 8 bits as sRGB and everything else as linear, so the declaration is replaced
after encoding. The pixels do not depend on it: lossy files hold XYB, and lossless ones levels.
"""

import functools
from dataclasses import dataclass

from cinegan_jax.photos.cicp import BT2020, DISPLAY_P3, SRGB_CURVE, profile_with
from cinegan_jax.photos.jxl_header import CUSTOM, PRIMARIES, WHITES, read_jxl_header
from cinegan_jax.photos.profile_builders import D65_WHITE, SRGB, Chromaticities, matrix_profile
from cinegan_jax.photos.profiles import same_colours

_ADOBE = Chromaticities(D65_WHITE, (0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
_PROPHOTO = Chromaticities((0.3457, 0.3585), (0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001))
_VIDEO, _LINEAR = 1, 8
_RELATIVE_COLORIMETRIC = 1


@dataclass(frozen=True)
class NamedColours:
    """A colour space that needs no embedded profile."""

    space: Chromaticities = SRGB
    transfer: int = SRGB_CURVE
    """H.273 TransferCharacteristics, unless there is a gamma."""
    gamma: float = 0.0
    """Exponent from level to light; 0 for none."""
    grey: bool = False

    @functools.cached_property
    def profile(self) -> bytes | None:
        """ICC profile of the same colours; None for sRGB."""
        model = "GRAY" if self.grey else "RGB"
        if self.gamma:
            return matrix_profile(self.space, self.gamma, model)
        return profile_with(self.space, self.transfer, model)


_KNOWN = (
    *(NamedColours(space, SRGB_CURVE) for space in (DISPLAY_P3, BT2020)),
    *(NamedColours(space, _LINEAR) for space in (SRGB, DISPLAY_P3, BT2020, _PROPHOTO)),
    NamedColours(BT2020, _VIDEO),
    NamedColours(_ADOBE, gamma=2.19921875),
    NamedColours(_PROPHOTO, gamma=1.8),
    *(NamedColours(gamma=gamma) for gamma in (1.8, 2.2)),
    NamedColours(transfer=_LINEAR, grey=True),
    *(NamedColours(gamma=gamma, grey=True) for gamma in (1.8, 2.2)),
)


@functools.lru_cache(maxsize=16)
def named_colours(profile: bytes, grey: bool) -> NamedColours | None:
    """Return the named colour space of a valid profile other than sRGB; None if it has none."""
    for known in _KNOWN:
        if known.grey == grey and known.profile and same_colours(profile, known.profile):
            return known
    return None


def with_colours(codestream: bytes, bits: int, colours: NamedColours) -> bytes:
    """Declare the bits per sample and the colour space of a codestream made by imagecodecs."""
    header = read_jxl_header(codestream)
    end = header.colours.stop + 3  # no extensions, and the usual transform
    if header.extra_fields:
        end += 1  # the usual tone mapping
    size = -(-end // 8)
    old = _bits(int.from_bytes(codestream[2 : 2 + size], "little"), 8 * size)
    new = "".join(
        (
            old[: header.depth.start],
            _depth(bits),
            old[header.depth.stop : header.colours.start],
            _declaration(colours),
            old[header.colours.stop : end],
        )
    )
    packed = int(new[::-1], 2).to_bytes(-(-len(new) // 8), "little")
    return codestream[:2] + packed + codestream[2 + size :]


def _depth(bits: int) -> str:
    """Return BitDepth of integers."""
    return "0" + ("00" if bits == 8 else "11" + _bits(bits - 1, 6))


def _declaration(colours: NamedColours) -> str:
    white, *primaries = colours.space
    parts = ["00", _enum(int(colours.grey))]
    parts.append(_chosen(white, [white], {point: number for number, point in WHITES.items()}))
    if not colours.grey:
        numbers = {space[1:]: number for number, space in PRIMARIES.items()}
        parts.append(_chosen(tuple(primaries), primaries, numbers))
    if colours.gamma:
        parts.append("1" + _bits(round(1e7 / colours.gamma), 24))
    else:
        parts.append("0" + _enum(colours.transfer))
    return "".join((*parts, _enum(_RELATIVE_COLORIMETRIC)))


def _chosen(key: tuple, points: list[tuple[float, float]], numbers: dict[tuple, int]) -> str:
    """Return the number of a known white or of known primaries, or their coordinates."""
    if key in numbers:
        return _enum(numbers[key])
    return _enum(CUSTOM) + "".join(_coordinate(value) for point in points for value in point)


def _coordinate(value: float) -> str:
    """Return one value of CustomXY; those of colour spaces here are not negative."""
    packed = 2 * round(1e6 * value)
    for selector, (count, offset) in enumerate(((19, 0), (19, 1 << 19), (20, 1 << 20))):
        if packed < offset + (1 << count):
            return _bits(selector, 2) + _bits(packed - offset, count)
    raise ValueError(f"a chromaticity of {value}")


def _enum(value: int) -> str:
    if value < 2:
        return _bits(value, 2)
    return _bits(2, 2) + _bits(value - 2, 4) if value < 18 else _bits(3, 2) + _bits(value - 18, 6)


def _bits(value: int, count: int) -> str:
    """Return bits, least significant first."""
    return format(value, f"0{count}b")[::-1]
