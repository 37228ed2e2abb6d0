"""Colour chunks of PNG, against colour-science and closed forms, in both decoders."""

import io
import struct
import zlib
from pathlib import Path

import colour
import imagecodecs
import numpy as np
import pytest
from colour import RGB_COLOURSPACES
from image_files import reread, rgb_profile, saved
from PIL import Image, ImageCms

from cinegan_jax.photos.decode import decode
from cinegan_jax.photos.encode import EncodeOptions, encode_photo
from cinegan_jax.photos.photo import Photo, UnreadablePhoto
from cinegan_jax.photos.profiles import own_colours
from cinegan_jax.photos.read import read_photo

SRGB, P3 = RGB_COLOURSPACES["sRGB"], RGB_COLOURSPACES["Display P3"]
BT2020 = RGB_COLOURSPACES["ITU-R BT.2020"]
SRGB_CHRM = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)


def _chunk(name: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">L", zlib.crc32(name + content))
    return struct.pack(">L", len(content)) + name + content + checksum


def _gama(value: int) -> bytes:
    return _chunk(b"gAMA", struct.pack(">L", value))


def _chrm(*values: int) -> bytes:
    return _chunk(b"cHRM", struct.pack(">8L", *values))


def _cicp(primaries: int, transfer: int, full_range: int = 1) -> bytes:
    return _chunk(b"cICP", bytes((primaries, transfer, 0, full_range)))


def _srgb() -> bytes:
    return _chunk(b"sRGB", b"\0")


def _iccp(profile: bytes) -> bytes:
    return _chunk(b"iCCP", b"x\0\0" + zlib.compress(profile))


def _png(pixels: np.ndarray, *chunks: bytes) -> bytes:
    file = imagecodecs.png_encode(pixels)
    return file[:33] + b"".join(chunks) + file[33:]


def _read(data: bytes) -> Photo:
    return read_photo(data, name="photo", max_pixels=10**6)


def _decoded(tmp_path: Path, data: bytes) -> np.ndarray:
    (tmp_path / "a.png").write_bytes(data)
    return decode(tmp_path / "a.png")


@pytest.fixture
def scene(rng: np.random.Generator) -> np.ndarray:
    """Colours in sRGB, float64 in 0.1..0.9, which fit into every other space here."""
    return rng.uniform(0.1, 0.9, (40, 50, 3))


def _assert_close(data: bytes, scene: np.ndarray, tmp_path: Path, most: float = 0.5) -> None:
    """Both decoders return the scene, within rounding to 16 and 8 bits."""
    photo = _read(data)
    lab = [colour.XYZ_to_Lab(colour.sRGB_to_XYZ(p)) for p in (photo.pixels / 65535, scene)]
    assert colour.delta_E(*lab, method="CIE 2000").max() < most
    assert np.abs(_decoded(tmp_path, data) / 255 - scene).max() < 3 / 255


def _light(scene: np.ndarray) -> np.ndarray:
    return colour.cctf_decoding(scene, function="sRGB")


def _sixteen(levels: np.ndarray) -> np.ndarray:
    return np.rint(levels * 65535).astype(np.uint16)


@pytest.mark.parametrize(("gama", "gamma"), [(100000, 1.0), (55556, 1.8), (38462, 2.6)])
@pytest.mark.parametrize("primaries", [True, False])
def test_gama_is_the_exponent_from_light_to_level(
    scene: np.ndarray, tmp_path: Path, gama: int, gamma: float, primaries: bool
) -> None:
    chunks = (_gama(gama), *((_chrm(*SRGB_CHRM),) if primaries else ()))
    data = _png(_sixteen(_light(scene) ** (1 / gamma)), *chunks)
    _assert_close(data, scene, tmp_path)


@pytest.mark.parametrize("gama", [45455, 45000, 45454])
def test_usual_gama_is_srgb(rng: np.random.Generator, tmp_path: Path, gama: int) -> None:
    pixels = rng.integers(0, 256, (6, 9, 3), np.uint8)
    for chunks in ((_gama(gama),), (_gama(gama), _chrm(*SRGB_CHRM)), (_chrm(*SRGB_CHRM),)):
        data = _png(pixels, *chunks)
        photo = _read(data)
        np.testing.assert_array_equal(photo.pixels, pixels)
        assert photo.source.profile is None
        np.testing.assert_array_equal(_decoded(tmp_path, data), pixels)


def test_chrm_names_the_primaries(scene: np.ndarray, tmp_path: Path) -> None:
    adobe = RGB_COLOURSPACES["Adobe RGB (1998)"]
    levels = colour.RGB_to_RGB(_light(scene), SRGB, adobe) ** (1 / 2.2)
    values = (31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)
    _assert_close(_png(_sixteen(levels), _gama(45455), _chrm(*values)), scene, tmp_path)


def test_gama_of_grey(tmp_path: Path) -> None:
    grey = np.arange(0, 65536, 257, dtype=np.uint16)[None]
    photo = _read(_png(grey, _gama(100000), _chrm(*SRGB_CHRM)))
    expected = colour.cctf_encoding(grey / 65535, function="sRGB")
    np.testing.assert_allclose(photo.pixels[..., 0] / 65535, expected, atol=2 / 65535)
    written = encode_photo(photo, photo.pixels)
    assert np.abs(imagecodecs.png_decode(written).astype(int) - grey).max() <= 2
    assert reread(written).info["icc_profile"]


@pytest.mark.parametrize(
    ("primaries", "transfer", "space", "function"),
    [
        (12, 13, P3, "sRGB"),
        (9, 13, BT2020, "sRGB"),
        (9, 14, BT2020, "ITU-R BT.2020"),
        (9, 1, BT2020, "ITU-R BT.709"),
        (1, 8, SRGB, "Linear"),
        (1, 4, SRGB, "Gamma 2.2"),
    ],
)
def test_cicp_names_primaries_and_curve(
    scene: np.ndarray,
    tmp_path: Path,
    primaries: int,
    transfer: int,
    space: colour.RGB_Colourspace,
    function: str,
) -> None:
    light = colour.RGB_to_RGB(_light(scene), SRGB, space, chromatic_adaptation_transform="Bradford")
    levels = light if function == "Linear" else colour.cctf_encoding(light, function=function)
    _assert_close(_png(_sixteen(levels), _cicp(primaries, transfer)), scene, tmp_path)


def test_cicp_of_srgb_changes_nothing(rng: np.random.Generator, tmp_path: Path) -> None:
    pixels = rng.integers(0, 256, (6, 9, 3), np.uint8)
    data = _png(pixels, _cicp(1, 13), _gama(100000))
    np.testing.assert_array_equal(_read(data).pixels, pixels)
    np.testing.assert_array_equal(_decoded(tmp_path, data), pixels)


def test_precedence_of_the_chunks(rng: np.random.Generator) -> None:
    """cICP before iCCP before sRGB before gAMA."""
    pixels = rng.integers(0, 65536, (6, 9, 3), np.uint16)
    linear = rgb_profile(SRGB, 1.0)
    alone = _read(_png(pixels, _cicp(12, 13))).pixels
    both = _png(pixels, _gama(55556), _srgb(), _iccp(linear), _cicp(12, 13))
    np.testing.assert_array_equal(_read(both).pixels, alone)
    embedded = _png(pixels, _gama(55556), _iccp(linear))
    assert _read(embedded).source.profile == linear
    np.testing.assert_array_equal(_read(_png(pixels, _gama(55556), _srgb())).pixels, pixels)
    unknown = _png(pixels, _cicp(99, 13), _iccp(linear))
    assert _read(unknown).source.profile == linear


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_code_points_are_refused_by_name(tmp_path: Path, transfer: int, name: str) -> None:
    data = _png(np.zeros((4, 4, 3), np.uint16), _cicp(9, transfer))
    with pytest.raises(UnreadablePhoto, match=rf"photo: an HDR image \({name}\)"):
        _read(data)
    with pytest.raises(UnreadablePhoto, match=name):
        _decoded(tmp_path, data)


def _with_cicp_tag(profile: bytes, transfer: int) -> bytes:
    """Add a tag `cicp` (ICC.1:2022, 9.2.17) to a profile."""
    count = int.from_bytes(profile[128:132]) + 1
    old = profile[132 : 132 + 12 * (count - 1)]
    table = b""
    for at in range(0, len(old), 12):
        name, offset, size = struct.unpack(">4sLL", old[at : at + 12])
        table += struct.pack(">4sLL", name, offset + 12, size)
    tag = b"cicp" + bytes(4) + bytes((9, transfer, 0, 1))
    body = profile[132 + len(old) :]
    table += struct.pack(">4sLL", b"cicp", 132 + 12 * count + len(body), 12)
    whole = profile[:128] + struct.pack(">L", count) + table + body + tag
    return struct.pack(">L", len(whole)) + whole[4:]


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
@pytest.mark.parametrize("format", ["png", "tiff", "jpeg", "webp"])
def test_hdr_profiles_are_refused_by_their_tag(
    tmp_path: Path, format: str, transfer: int, name: str
) -> None:
    profile = _with_cicp_tag(rgb_profile(BT2020, 2.4), transfer)
    ImageCms.ImageCmsProfile(io.BytesIO(profile))  # littleCMS reads it
    data = saved(Image.new("RGB", (8, 8)), format, icc_profile=profile)
    with pytest.raises(UnreadablePhoto, match=rf"an HDR image \({name}\)"):
        _read(data)
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(UnreadablePhoto, match=name):
        decode(tmp_path / "a")


def test_hdr_profiles_are_refused_by_their_name() -> None:
    profile = bytearray(rgb_profile(BT2020, 2.4))
    name = "RGB built-in".encode("utf-16-be")
    at = profile.index(name)
    profile[at : at + len(name)] = "Rec2100 PQ  ".encode("utf-16-be")
    with pytest.raises(UnreadablePhoto, match="PQ"):
        _read(saved(Image.new("RGB", (8, 8)), "png", icc_profile=bytes(profile)))


def test_video_levels_are_refused() -> None:
    with pytest.raises(UnreadablePhoto, match="video levels"):
        _read(_png(np.zeros((4, 4, 3), np.uint8), _cicp(1, 13, 0)))


@pytest.mark.parametrize(
    "chunks",
    [
        (_gama(0),),
        (_chrm(*[0] * 8),),
        (_chrm(*(33333, 33333) * 4),),
        (_chunk(b"cICP", b"\1"),),
    ],
    ids=["gama", "chrm", "one-point", "cicp"],
)
def test_senseless_chunks_are_ignored(
    rng: np.random.Generator, tmp_path: Path, chunks: tuple[bytes, ...]
) -> None:
    pixels = rng.integers(0, 256, (6, 9, 3), np.uint8)
    data = _png(pixels, *chunks)
    np.testing.assert_array_equal(_read(data).pixels, pixels)
    np.testing.assert_array_equal(_decoded(tmp_path, data), pixels)


@pytest.mark.parametrize("format", ["png", "tiff", "jpeg", "bmp"])
def test_results_state_the_colours_of_their_chunks(scene: np.ndarray, format: str) -> None:
    """Compare with littleCMS, which reads the written profile, or with sRGB."""
    data = _png(_sixteen(_light(scene) ** (1 / 1.8)), _gama(55556))
    photo = _read(data)
    written = reread(encode_photo(photo, photo.pixels, EncodeOptions(format, quality=100)))
    profile = written.info.get("icc_profile")
    levels = np.asarray(written.convert("RGB"))  # of 16 bits the higher ones
    assert (profile is None) == (format == "bmp")
    seen = levels / 255 if profile is None else own_colours(profile).to_srgb(levels) / 65535
    assert np.abs(seen - scene).mean() < 2 / 255


@pytest.mark.parametrize("format", ["jpeg", "avif"])
def test_linear_light_is_written_in_srgb_where_bits_are_few(scene: np.ndarray, format: str) -> None:
    photo = _read(_png(_sixteen(_light(scene)), _gama(100000)))
    written = encode_photo(photo, photo.pixels, EncodeOptions(format, quality=100))
    profile = reread(written).info["icc_profile"]
    assert own_colours(profile) is None
    assert np.abs(np.asarray(reread(written)) / 255 - scene).mean() < 3 / 255
    png = reread(encode_photo(photo, photo.pixels))
    assert own_colours(png.info["icc_profile"]) is not None


def test_files_without_colour_chunks_are_decoded_as_before(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    pixels = rng.integers(0, 256, (6, 9, 3), np.uint8)
    for chunks in ((), (_srgb(), _gama(45455), _chrm(*SRGB_CHRM))):
        np.testing.assert_array_equal(_decoded(tmp_path, _png(pixels, *chunks)), pixels)
