from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cinegan_jax.data.samples import sample_photos
from cinegan_jax.film.render import load_recipe, render_film
from cinegan_jax.inference.bilateral_grid import CELL, LEVELS, apply_change, fit_change
from cinegan_jax.inference.resize import resize

pytestmark = pytest.mark.agreement


def unit(photo: np.ndarray) -> np.ndarray:
    return photo.astype(np.float32) / np.iinfo(photo.dtype).max


def carried(grid: np.ndarray, photo: np.ndarray) -> np.ndarray:
    return np.concatenate(list(apply_change(grid, photo)))


def interpolated(grid: np.ndarray, photo: np.ndarray) -> np.ndarray:
    """Interpolate the transforms trilinearly, pixel by pixel."""
    height, width, _ = photo.shape
    cells = np.array(grid.shape[:2]) - 1
    image = np.zeros(photo.shape)
    for y, x in np.ndindex(height, width):
        colour = photo[y, x]
        level = colour @ [0.25, 0.5, 0.25] * (LEVELS - 1)
        at = np.array([(y + 0.5) / height * cells[0], (x + 0.5) / width * cells[1], level])
        low = np.minimum(np.int32(at), np.array(grid.shape[:3]) - 2)
        transform = np.zeros((4, 3))
        for corner in np.ndindex(2, 2, 2):
            share = np.prod(np.where(corner, at - low, 1 - at + low))
            transform += share * grid[tuple(low + corner)]
        image[y, x] = [*colour, 1.0] @ transform
    return image


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(41, 150, 3), (140, 41, 3), (1, 1, 3), (3, 200, 3)])
def test_reads_the_grid_by_trilinear_interpolation(
    rng: np.random.Generator, dtype: Any, shape: tuple[int, ...]
) -> None:
    grid = rng.normal(size=(3, 8, LEVELS, 4, 3)).astype(np.float32)
    photo = rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    expected = interpolated(grid, unit(photo).astype(np.float64))
    np.testing.assert_allclose(carried(grid, photo), expected, atol=2e-4)


def test_an_affine_change_is_carried_exactly(rng: np.random.Generator) -> None:
    matrix, offset = np.eye(3) + 0.3 * rng.normal(size=(3, 3)), rng.normal(size=3)
    small = rng.random((64, 96, 3), np.float32)
    grid = fit_change(small, (small @ matrix + offset).astype(np.float32))
    photo = rng.integers(0, 256, (240, 320, 3), np.uint8)
    error = np.abs(carried(grid, photo) - (unit(photo) @ matrix + offset))
    assert error.mean() < 2e-4
    assert error.max() < 2e-2


def test_a_film_look_reaches_the_full_photo() -> None:
    """Compares the carried change of the reduced photo with the look of the full photo."""
    look = load_recipe("classic_neg")
    for path in sample_photos("test")[:2]:
        photo = np.asarray(Image.open(path).convert("RGB"))
        small = np.rint(resize(photo, 256, 320) * 255).astype(np.uint8)
        changed = render_film(small, look, 0, grain=False, halation=False)
        image = carried(fit_change(unit(small), unit(changed)), photo)
        wanted = render_film(photo, look, 0, grain=False, halation=False)
        error = np.mean(np.square(np.clip(image, 0, 1) - unit(wanted)))
        assert -10 * np.log10(error) > 40


def halves(dark: int, light: int, height: int, width: int) -> np.ndarray:
    photo = np.full((height, width, 3), dark, np.uint8)
    photo[:, width // 2 :] = light
    return photo


def test_edges_get_no_halo() -> None:
    """Dark and light sides are changed in opposite directions; neither reaches into the other."""
    small = halves(60, 200, 128, 192)
    changed = np.where(small < 128, small * 0.5, small * 0.5 + 127.5) / 255
    photo = halves(60, 200, 1000, 1600)
    image = carried(fit_change(unit(small), changed.astype(np.float32)), photo)
    wanted = np.where(photo < 128, photo * 0.5, photo * 0.5 + 127.5) / 255
    assert np.abs(image - wanted).max() < 0.5 / 255


def test_cells_leave_no_seam(rng: np.random.Generator) -> None:
    """On a smooth gradient, steps from column to column are no larger at the nodes."""
    ramp = np.linspace(0.2, 0.8, 256, dtype=np.float32)[None, :, None] * np.ones((128, 1, 3))
    tint = rng.uniform(0.8, 1.2, (1, 8, 3)).repeat(32, axis=1)
    grid = fit_change(ramp.astype(np.float32), (ramp**1.5 * tint).astype(np.float32))
    photo = np.rint(resize(np.uint16(ramp * 65535), 64, 2048) * 65535).astype(np.uint16)
    steps = np.abs(np.diff(carried(grid, photo), axis=1)).max(axis=(0, 2))
    nodes = np.arange(255, 2047, 256)
    assert steps[nodes].max() <= 1.01 * np.delete(steps, nodes).max()


@pytest.mark.parametrize("shapes", [((32, 32, 3), (32, 64, 3)), ((33, 32, 3), (33, 32, 3))])
def test_unequal_shapes_and_partial_cells_are_refused(shapes: Sequence[tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match=f"multiples of {CELL}"):
        fit_change(*(np.zeros(shape, np.float32) for shape in shapes))
