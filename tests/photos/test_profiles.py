"""ICC conversions against colour-science, littleCMS in floating point, and closed forms."""

from typing import Any

import colour
import imagecodecs
import numpy as np
import pytest
from colour import RGB_COLOURSPACES
from image_files import rgb_profile

from cinegan_jax.photos.profile_builders import adobe_rgb_profile, srgb_profile
from cinegan_jax.photos.profiles import (
    cmyk_without_profile,
    lab_to_srgb,
    own_colours,
    profile_space,
)

ADOBE = RGB_COLOURSPACES["Adobe RGB (1998)"]
SRGB = RGB_COLOURSPACES["sRGB"]
WIDE = {
    "adobe": adobe_rgb_profile(),
    "p3": rgb_profile(RGB_COLOURSPACES["Display P3"], 2.2),
    "prophoto": rgb_profile(RGB_COLOURSPACES["ProPhoto RGB"], 1.8),
}


def _colours(rng: np.random.Generator, dtype: Any = np.uint16) -> np.ndarray:
    full = np.iinfo(dtype).max
    colours = rng.integers(0, full, (200, 50, 3), endpoint=True, dtype=dtype)
    colours[:50] //= 16  # shadows
    return colours


def _by_littlecms(samples: np.ndarray, profile: bytes) -> np.ndarray:
    """Unclipped, float64."""
    full = np.iinfo(samples.dtype).max
    return imagecodecs.cms_transform(
        samples / full,
        profile,
        srgb_profile(),
        colorspace="rgb",
        outcolorspace="rgb",
        outdtype="float64",
        intent=1,
        flags=0x100,
    )


def test_adobe_rgb_against_colour_science(rng: np.random.Generator) -> None:
    own = _colours(rng)
    expected = colour.RGB_to_RGB(
        own / 65535, ADOBE, SRGB, apply_cctf_decoding=True, apply_cctf_encoding=True
    )
    inside = ((expected >= 0) & (expected <= 1)).all(-1)
    seen = own_colours(adobe_rgb_profile()).to_srgb(own) / 65535
    # Adobe's primaries are rounded differently in the two: less than half a level of 8 bits.
    np.testing.assert_allclose(seen[inside], expected[inside], atol=0.5 / 255)
    assert inside.mean() > 0.2


@pytest.mark.parametrize("name", WIDE)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_matrix_profiles_against_littlecms(
    rng: np.random.Generator, name: str, dtype: type[np.unsignedinteger[Any]]
) -> None:
    own = _colours(rng, dtype)
    expected = np.clip(_by_littlecms(own, WIDE[name]), 0, 1)
    seen = own_colours(WIDE[name]).to_srgb(own) / 65535
    np.testing.assert_allclose(seen, expected, atol=0.02 / 255)


@pytest.mark.parametrize("name", WIDE)
def test_there_and_back_within_a_level(rng: np.random.Generator, name: str) -> None:
    own, colours = _colours(rng, np.uint8), own_colours(WIDE[name])
    light = _by_littlecms(own, WIDE[name])
    inside = ((light >= 0) & (light <= 1)).all(-1)
    back = colours.from_srgb(colours.to_srgb(own)) / 257
    assert np.abs(back - own)[inside].max() < 0.5
    white = np.full((1, 1, 3), 255, np.uint8)
    np.testing.assert_array_equal(colours.to_srgb(white), 65535)


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.2])
def test_grey_profiles_by_formula(gamma: float) -> None:
    colours = own_colours(imagecodecs.cms_profile("gray", gamma=gamma))
    own = np.arange(256, dtype=np.uint8)[None, :, None]
    light = (np.arange(256) / 255) ** gamma
    expected = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    seen = colours.to_srgb(own)
    np.testing.assert_allclose(seen[0, :, 0] / 65535, expected, atol=2 / 65535)
    assert np.abs(colours.from_srgb(seen) / 257 - own).max() < 0.5


def test_srgb_needs_no_conversion() -> None:
    assert own_colours(srgb_profile()) is None


def test_profiles_are_the_same_bytes_each_time() -> None:
    srgb_profile.cache_clear()
    first = srgb_profile()
    srgb_profile.cache_clear()
    assert srgb_profile() == first


def test_damaged_profiles_are_known() -> None:
    assert profile_space(adobe_rgb_profile()) == "RGB"
    assert profile_space(imagecodecs.cms_profile("gray", gamma=2.2)) == "GRAY"
    for damaged in (b"", b"no profile", adobe_rgb_profile()[:200]):
        assert profile_space(damaged) is None


def test_lab_against_colour_science(rng: np.random.Generator) -> None:
    lab = np.stack([rng.uniform(5, 95, 99), *rng.uniform(-30, 30, (2, 99))], -1)
    d50 = np.array([0.3457, 0.3585])
    expected = colour.XYZ_to_sRGB(colour.Lab_to_XYZ(lab, d50), d50, "Bradford")
    inside = ((expected >= 0) & (expected <= 1)).all(-1)
    seen = lab_to_srgb(lab[None])[0] / 65535
    np.testing.assert_allclose(seen[inside], expected[inside], atol=0.5 / 255)


def test_cmyk_by_the_plain_rule() -> None:
    inks = np.array([[[0, 0, 0, 0], [255, 0, 0, 0], [0, 0, 0, 255], [51, 102, 0, 51]]], np.uint8)
    np.testing.assert_array_equal(
        cmyk_without_profile(inks),
        [[[255, 255, 255], [0, 255, 255], [0, 0, 0], [163, 122, 204]]],
    )
