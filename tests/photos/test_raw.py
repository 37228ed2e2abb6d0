"""Camera RAW, from a DNG that is made here."""

import io
from collections.abc import Sequence

import colour
import exiv2
import numpy as np
import pytest
import tifffile
from image_files import reread

from cinegan_jax.photos.encode import EncodeOptions, encode_photo, output_suffix
from cinegan_jax.photos.light import Light
from cinegan_jax.photos.photo import UnreadablePhoto
from cinegan_jax.photos.read import read_photo

pytest.importorskip("rawpy")
CFA = 32803
BLACK, WHITE = 64, 4095


def _dng(
    sensor: np.ndarray,
    *,
    orientation: int = 6,
    neutral: Sequence[float] | None = (1, 1, 1),
    more_tags: Sequence[tuple] = (),
) -> bytes:
    """Adobe's DNG 1.4 with an RGGB sensor of 12 bits, by default held sideways."""
    xyz_to_camera = [3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.2040, 1.0570]
    tags = [
        (271, 2, 6, "Canon", True),
        (272, 2, 5, "Test", True),
        (274, 3, 1, orientation, True),
        (33421, 3, 2, (2, 2), True),  # the pattern's size and colours
        (33422, 1, 4, b"\0\1\1\2", True),
        (50706, 1, 4, b"\1\4\0\0", True),  # DNG version
        (50714, 3, 1, BLACK, True),
        (50717, 3, 1, WHITE, True),
        (50721, 10, 9, _ratios(xyz_to_camera), True),
        (50778, 3, 1, 21, True),  # D65
        *more_tags,
    ]
    if neutral is not None:
        tags.append((50728, 5, 3, _ratios(neutral), True))
    file = io.BytesIO()
    tifffile.imwrite(file, sensor, photometric=CFA, metadata=None, software=False, extratags=tags)
    return file.getvalue()


def _ratios(values: Sequence[float]) -> list[int]:
    return [part for value in values for part in (round(value * 10000), 10000)]


def _wall(
    rng: np.random.Generator, *, lamp: bool = False, colour: Sequence[float] = (1, 1, 1)
) -> np.ndarray:
    """Sensor data of a noisy grey wall of 18 %, with a saturated lamp in one corner if wanted.

    Args:
      rng: source of the noise.
      lamp: whether the lamp is there.
      colour: light that reaches the red, green and blue pixels.
    """
    sensor = np.empty((64, 96))
    for row, column, light in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        sensor[row::2, column::2] = BLACK + 0.18 * colour[light] * (WHITE - BLACK)
    sensor += rng.normal(0, 10, sensor.shape)
    if lamp:
        sensor[:16, :24] = WHITE
    return np.rint(np.clip(sensor, 0, WHITE)).astype(np.uint16)


def _level(data: bytes, light: Light = Light()) -> np.ndarray:
    """Median colour [3] of the lower right quarter, in levels of 8 bits."""
    pixels = read_photo(data, max_pixels=10**6, light=light).pixels
    height, width, _ = pixels.shape
    return np.median(pixels[height // 2 : -4, width // 2 : -4], axis=(0, 1)) / 257


def _srgb(light: np.ndarray | float) -> np.ndarray:
    return 255 * colour.cctf_encoding(np.minimum(light, 1), function="sRGB")


@pytest.fixture
def dng() -> bytes:
    sensor = np.full((64, 96), 400, np.uint16)
    sensor[:, 48:] = 3000  # the right half, which is the lower one when seen upright
    return _dng(sensor)


def test_raw_is_developed_upright_with_sixteen_bits(dng: bytes) -> None:
    photo = read_photo(dng, max_pixels=10**6)
    assert photo.source.format == "raw"
    assert photo.pixels.dtype == np.uint16
    height, width, _ = photo.pixels.shape
    assert height > width
    upper, lower = photo.pixels[: height // 2 - 4], photo.pixels[height // 2 + 4 :]
    assert lower.mean() > 2 * upper.mean()


def test_raw_becomes_jpeg_unless_asked(dng: bytes) -> None:
    photo = read_photo(dng, max_pixels=10**6)
    assert output_suffix(photo) == ".jpg"
    jpeg = encode_photo(photo, photo.pixels)
    image = reread(jpeg)
    assert image.format == "JPEG"
    assert image.getexif()[0x010F] == "Canon"
    seen = exiv2.ImageFactory.open(jpeg)
    seen.readMetadata()
    keys = {datum.key() for datum in seen.exifData()}
    assert not any(key.startswith("Exif.SubImage") or "DNG" in key for key in keys)
    tiff = encode_photo(photo, photo.pixels, EncodeOptions("tiff"))
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(tiff)), photo.pixels)


def test_raw_is_limited_before_decoding_and_damage_is_reported(dng: bytes) -> None:
    with pytest.raises(UnreadablePhoto, match="megapixels"):
        read_photo(dng, max_pixels=1000)
    with pytest.raises(UnreadablePhoto, match="cannot be decoded: Input/output error"):
        read_photo(dng[: len(dng) // 2], max_pixels=10**6)


@pytest.mark.parametrize("lamp", [False, True])
def test_a_grey_wall_has_its_own_level_whatever_is_beside_it(
    rng: np.random.Generator, lamp: bool
) -> None:
    sensor = _wall(rng, lamp=lamp)
    light = (np.median(sensor[32:]) - BLACK) / (WHITE - BLACK)
    np.testing.assert_allclose(_level(_dng(sensor, orientation=1)), _srgb(light), atol=0.5)
    assert abs(_srgb(light) - 118) < 1


def test_the_brightest_pixel_does_not_set_white(rng: np.random.Generator) -> None:
    sensor = _wall(rng)
    with_bright_part = sensor.copy()
    with_bright_part[:8, :8] = round(0.85 * WHITE)
    np.testing.assert_allclose(_level(_dng(with_bright_part)), _level(_dng(sensor)), atol=0.2)


@pytest.mark.parametrize(
    ("tags", "stops"),
    [
        ([(50730, 10, 1, (75, 100), True)], 0.75),
        ([(50730, 10, 1, (-50, 100), True)], -0.5),
        ([(50730, 10, 1, (30, 100), True), (51109, 10, 1, (-70, 100), True)], -0.4),
        ([(50730, 10, 1, (0, 1), True)], 0.0),
    ],
)
def test_baseline_exposure_is_applied(
    rng: np.random.Generator, tags: Sequence[tuple], stops: float
) -> None:
    data = _dng(_wall(rng, lamp=True), more_tags=tags, orientation=1)
    np.testing.assert_allclose(_level(data), _srgb(0.18 * 2**stops), atol=0.7)


def test_odd_baseline_exposure_is_left_out_with_a_note(rng: np.random.Generator) -> None:
    for value in ((1000, 1), (1, 0)):
        data = _dng(_wall(rng), more_tags=[(50730, 10, 1, value, True)])
        photo = read_photo(data, max_pixels=10**6)
        assert "baseline exposure of" in photo.source.notes[0]
        np.testing.assert_allclose(_level(data), _srgb(0.18), atol=0.7)


@pytest.mark.parametrize("stops", [-2.0, -1.0, -0.01, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("neutral", [(1, 1, 1), (0.5, 1, 0.6)])
def test_exposure_multiplies_the_light_of_the_sensor(
    rng: np.random.Generator, neutral: Sequence[float], stops: float
) -> None:
    data = _dng(_wall(rng, lamp=True, colour=neutral), neutral=neutral, orientation=1)
    np.testing.assert_allclose(
        _level(data, Light(stops)), np.repeat(_srgb(0.18 * 2**stops), 3), atol=1.0
    )


def test_saturated_highlights_are_white() -> None:
    sensor = np.full((64, 96), WHITE, np.uint16)
    data = _dng(sensor, neutral=(0.5, 1, 0.6))
    np.testing.assert_allclose(_level(data), 255, atol=1)
    darker = _level(data, Light(-1.0))
    assert darker.min() > _srgb(0.5) - 1  # the other channels reach beyond green
    assert np.ptp(darker) < 3


def test_white_balance_in_kelvin_makes_that_light_neutral(rng: np.random.Generator) -> None:
    for kelvin in (3000, 5000, 9000):
        to_xy = (
            colour.temperature.CCT_to_xy_CIE_D
            if kelvin >= 4000
            else colour.temperature.CCT_to_xy_Kang2002
        )
        white = colour.xy_to_XYZ(to_xy(kelvin))
        lit = colour.XYZ_to_RGB(white, "sRGB", chromatic_adaptation_transform=None)
        lit = lit / lit.max()
        data = _dng(_wall(rng, colour=lit), orientation=1)
        assert np.ptp(_level(data)) > 10
        assert np.ptp(_level(data, Light(white_balance=str(kelvin)))) < 2


def test_auto_white_balance_and_daylight(rng: np.random.Generator) -> None:
    tinted = (0.7, 1, 0.8)
    data = _dng(_wall(rng, colour=tinted), neutral=tinted, orientation=1)
    assert np.ptp(_level(data)) < 1
    assert np.ptp(_level(data, Light(white_balance="auto"))) < 2
    daylight = _level(data, Light(white_balance="daylight"))
    np.testing.assert_allclose(daylight, _srgb(0.18 * np.array(tinted)), atol=1)


def test_a_file_without_white_balance_gets_daylight_and_a_note(rng: np.random.Generator) -> None:
    data = _dng(_wall(rng), neutral=None, orientation=1)
    photo = read_photo(data, max_pixels=10**6)
    assert photo.source.notes == ("holds no white balance; that of daylight is used",)
    np.testing.assert_allclose(_level(data), np.repeat(_srgb(0.18), 3), atol=1)


def test_profiles_and_opcodes_of_a_dng_do_no_harm(rng: np.random.Generator) -> None:
    sensor = _wall(rng)
    curve = np.linspace(0, 1, 8, dtype=np.float32).repeat(2)
    tags = [
        (50936, 2, 5, "Film", True),  # profile name
        (50937, 4, 3, (1, 1, 1), True),  # hue and saturation map
        (50938, 11, 3, (0.0, 1.0, 1.0), True),
        (50940, 11, 16, tuple(map(float, curve)), True),  # tone curve
        (51009, 7, 4, bytes(4), True),  # an empty list of opcodes
    ]
    with_profile = _dng(sensor, more_tags=tags, orientation=1)
    np.testing.assert_allclose(_level(with_profile), _level(_dng(sensor, orientation=1)), atol=0.01)
