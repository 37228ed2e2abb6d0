"""Fitting the LUT of a look, with looks whose LUT is known."""

from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from cinegan_jax.data.samples import sample_photos
from cinegan_jax.film.render import load_recipe
from cinegan_jax.inference import lut_fit
from cinegan_jax.inference.look import Look
from cinegan_jax.inference.lut_fit import (
    fit_colour_table,
    make_develop,
    monotone,
    read_photos,
    resize_lut,
)
from cinegan_jax.metrics.delta_e import delta_e_2000
from cinegan_jax.nets.res_unet import ResUnetGenerator
from cinegan_jax.ops.lut import apply_lut, fit_lut, identity_lut


@pytest.fixture(scope="module")
def velvia() -> np.ndarray:
    return load_recipe("velvia").lut


@pytest.fixture(scope="module")
def photos() -> list[np.ndarray]:
    return read_photos(sample_photos("train")[::4])


@pytest.fixture(scope="module")
def table(velvia: np.ndarray, photos: list[np.ndarray]) -> np.ndarray:
    return fit_colour_table(lambda photo: develop_film(velvia, photo), photos)


def develop_film(lut: np.ndarray, photo: np.ndarray) -> np.ndarray:
    return np.asarray(apply_lut(lut, photo / np.float32(255)))


def distance(lut: np.ndarray, wanted: np.ndarray, images: np.ndarray) -> float:
    """Return the mean CIEDE2000 between the results of two LUTs on unit [n, h, w, 3]."""
    return float(delta_e_2000(apply_lut(lut, images), apply_lut(wanted, images)).mean())


def test_a_look_that_is_a_lut_is_recovered(table: np.ndarray, velvia: np.ndarray) -> None:
    for photo in read_photos(sample_photos("test")[:4]):
        assert distance(table, velvia, photo[None] / np.float32(255)) < 0.3


def test_variants_in_other_light_add_colours_that_no_photo_has(
    table: np.ndarray, velvia: np.ndarray, photos: list[np.ndarray]
) -> None:
    """The fit over the whole cube is better than one to the photos without variants.

    The latter has 17 nodes per axis to save time; interpolation costs it little.
    """
    pixels = np.concatenate([photo.reshape(-1, 3)[::10] for photo in photos]) / np.float32(255)
    plain = fit_lut(pixels, np.asarray(apply_lut(velvia, pixels)), size=17)
    cube = identity_lut(16).reshape(1, 64, 64, 3)
    assert distance(table, velvia, cube) < 0.8 * distance(plain, velvia, cube)


def test_the_fitted_lut_is_monotone(table: np.ndarray) -> None:
    for channel in range(3):
        assert (np.diff(table[..., channel], axis=channel) >= 0).all()
    node = np.arange(len(table))
    assert (np.diff(table[node, node, node], axis=0) >= 0).all()
    assert table.dtype == np.float32
    assert 0 <= table.min() < table.max() <= 1


def test_the_same_seed_gives_the_same_lut(
    monkeypatch: pytest.MonkeyPatch, velvia: np.ndarray, photos: list[np.ndarray]
) -> None:
    monkeypatch.setattr(lut_fit, "FIT_SIZE", 5)
    one, same, other = (
        fit_colour_table(lambda photo: develop_film(velvia, photo), photos[:2], seed)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_monotone_is_midway_between_the_nearest_above_and_below(rng: np.random.Generator) -> None:
    """Compares with every node's largest predecessor and smallest successor, by brute force."""
    lut = rng.random((4, 4, 4, 3))
    nodes = np.stack(np.indices((4, 4, 4)), -1).reshape(-1, 3)
    for channel in range(3):
        values = lut[..., channel].ravel()
        step = np.eye(3, dtype=int)[channel]
        follows = (nodes[:, None] + step == nodes).all(-1)
        greys = (nodes == nodes[:, :1]).all(1)
        follows |= (nodes[:, None] + 1 == nodes).all(-1) & greys[:, None]
        reaches = np.eye(64, dtype=bool)
        for _ in range(8):
            reaches |= (reaches.astype(int) @ follows) > 0
        above = np.where(reaches, values[:, None], -np.inf).max(0)
        below = np.where(reaches, values, np.inf).min(1)
        found = monotone(lut)[..., channel].ravel()
        np.testing.assert_allclose(found, (above + below) / 2)


def test_monotone_keeps_a_monotone_lut() -> None:
    np.testing.assert_array_equal(monotone(identity_lut(9)), identity_lut(9))


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.3])
def test_develop_is_the_generator_at_a_strength(
    random_look: Callable[..., Look],
    unit_images: Callable[..., tuple[np.ndarray, np.ndarray]],
    strength: float,
) -> None:
    look = random_look(ResUnetGenerator(width=2, num_blocks=1, residual=True))
    photo = (unit_images(look, 1, 16, 24, 3)[0][0] * 255).astype(np.uint8)
    before = photo / np.float32(255)
    after = (
        jax.jit(look.generator.apply)({"params": look.kernels}, 2 * before[None] - 1)[0] + 1
    ) / 2
    expected = np.clip(before + strength * (after - before), 0, 1)
    np.testing.assert_allclose(make_develop(look, strength)(photo), expected, atol=1e-5)


def test_photos_are_reduced_and_broken_ones_left_out(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    shapes = {"a.png": (700, 500), "b.png": (500, 900), "c.png": (1, 1)}
    for name, shape in shapes.items():
        Image.fromarray(rng.integers(0, 255, (*shape, 3), np.uint8)).save(tmp_path / name)
    (tmp_path / "d.png").write_bytes(b"no image")
    found = read_photos(sorted(tmp_path.iterdir()))
    assert [photo.shape for photo in found] == [(384, 256, 3), (256, 384, 3), (256, 384, 3)]


def test_resized_is_the_same_function(rng: np.random.Generator) -> None:
    lut = rng.random((5, 5, 5, 3), np.float32)
    np.testing.assert_allclose(resize_lut(lut, 9)[::2, ::2, ::2], lut, atol=1e-6)
    colours = rng.random((50, 3), np.float32)
    np.testing.assert_allclose(
        apply_lut(resize_lut(lut, 9), colours), apply_lut(lut, colours), atol=1e-5
    )
