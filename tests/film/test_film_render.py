"""The film renderer: repeatable, as strong as it says, and where it says."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

from cinegan_jax.core.errors import UserError
from cinegan_jax.film.render import FilmLook, load_recipe, photo_seed, recipe_names, render_film
from cinegan_jax.ops.lut import identity_lut

NEUTRAL = FilmLook("neutral", identity_lut(17))


def flat(level: int, size: int = 256) -> np.ndarray:
    return np.full((size, size, 3), level, np.uint8)


def test_looks_ship_and_change_colours(rng: np.random.Generator) -> None:
    assert set(recipe_names()) >= {"cinema", "classic_neg", "velvia", "portra_400", "tri_x"}
    photo = rng.integers(0, 256, (16, 16, 3), np.uint8)
    axis = np.linspace(0, 1, 33)
    for name in recipe_names():
        look = load_recipe(name)
        expected = RegularGridInterpolator((axis, axis, axis), look.lut)(photo / 255) * 255
        found = render_film(photo, look, seed=0, grain=False, halation=False)
        assert np.abs(found - expected).max() <= 0.51  # rounded, not truncated
        assert np.abs(found - photo.astype(float)).mean() > 5


def test_the_same_seed_repeats_bit_for_bit(rng: np.random.Generator) -> None:
    photo, look = rng.integers(0, 256, (48, 64, 3), np.uint8), load_recipe("cinema")
    once, again, other = (render_film(photo, look, seed) for seed in (7, 7, 8))
    np.testing.assert_array_equal(once, again)
    assert (once != other).any()


def test_grain_has_its_sigma_at_mid_grey_and_none_at_the_ends() -> None:
    """Rounding to 8 bits adds a variance of 1/12 of a level."""
    grain = render_film(flat(128), NEUTRAL, seed=3) / 255
    for channel in range(3):
        deviation = np.sqrt(np.var(grain[..., channel]) - (1 / 12) / 255**2)
        assert deviation == pytest.approx(0.015, rel=0.03)
    assert grain.mean() == pytest.approx(128 / 255, abs=5e-4)
    for end in (0, 255):
        np.testing.assert_array_equal(render_film(flat(end), NEUTRAL, seed=3), flat(end))


def test_grain_is_weaker_away_from_mid_grey() -> None:
    deviations = [
        np.std(render_film(flat(level), NEUTRAL, seed=3) / 255) for level in (128, 64, 32)
    ]
    expected = [4 * 0.015 * (v / 255) * (1 - v / 255) for v in (128, 64, 32)]
    np.testing.assert_allclose(deviations, expected, rtol=0.05)


def test_halation_is_a_red_glow_round_highlights() -> None:
    photo = flat(20, 400)
    photo[180:220, 180:220] = 255
    glow = render_film(photo, NEUTRAL, seed=0, grain=False).astype(int) - photo
    assert glow[..., 1:].max() == glow[..., 1:].min() == 0
    assert glow[200, 178, 0] > 20  # just outside the light
    assert glow[200, 200, 0] == 0  # inside it
    assert glow[200, 178 - 24, 0] <= 1  # ten radii away
    assert glow[..., 0].min() >= 0


def test_halation_leaves_images_without_highlights_alone(rng: np.random.Generator) -> None:
    photo = rng.integers(0, 150, (64, 64, 3), np.uint8)
    np.testing.assert_array_equal(render_film(photo, NEUTRAL, seed=0, grain=False), photo)


def test_halation_strength_in_closed_form() -> None:
    """At a straight edge of a wide light half of it has spread: 0.12 / 2 of linear light."""
    photo = flat(0, 512)
    photo[:, 256:] = 255
    look = dataclasses.replace(NEUTRAL, halation_radius=0.02)
    found = render_film(photo, look, seed=0, grain=False)[256, 255, 0] / 255
    linear = ((found + 0.055) / 1.055) ** 2.4
    assert linear == pytest.approx(0.06, rel=0.06)


def test_seeds_are_crc32_and_differ() -> None:
    assert photo_seed("123456789") == 0xCBF43926  # the check value of CRC-32
    assert len({photo_seed(f"photo {i}") for i in range(1000)}) == 1000


def test_unknown_looks_list_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"'portra' is not one of cinema, classic_neg, .*velvia"):
        load_recipe("portra")


def test_own_lut_files_are_looks(tmp_path: Path, rng: np.random.Generator) -> None:
    rows = "\n".join("0.25 0.5 0.75" for _ in range(8))
    (tmp_path / "flat.cube").write_text(f"LUT_3D_SIZE 2\n{rows}\n")
    look = load_recipe(str(tmp_path / "flat.cube"))
    photo = rng.integers(0, 256, (8, 8, 3), np.uint8)
    found = render_film(photo, look, 0, grain=False, halation=False)
    assert np.abs(found - np.array([63.75, 127.5, 191.25])).max() <= 0.5
