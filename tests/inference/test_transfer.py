import numpy as np
import pytest

from cinegan_jax.data.film import load_look, render
from cinegan_jax.data.samples import sample_photos
from cinegan_jax.inference.transfer import apply_change, fit_change


def unit(photo):
    return photo.astype(np.float32) / np.iinfo(photo.dtype).max


def carried(grid, photo):
    return np.concatenate(list(apply_change(grid, photo)))


def interpolated(grid, photo):
    """Trilinear interpolation of the transforms, one pixel after another."""
    height, width, _ = photo.shape
    cells = np.array(grid.shape[:2]) - 1
    tall, wide = -(-np.array([height, width]) // cells)
    picture = np.zeros(photo.shape)
    for y, x in np.ndindex(height, width):
        colour = photo[y, x]
        level = colour @ [0.25, 0.5, 0.25] * (grid.shape[2] - 1)
        at = np.array([(y + 0.5) / tall, (x + 0.5) / wide, level])
        low = np.minimum(np.int32(at), np.array(grid.shape[:3]) - 2)
        transform = np.zeros((4, 3))
        for corner in np.ndindex(2, 2, 2):
            share = np.prod(np.where(corner, at - low, 1 - at + low))
            transform += share * grid[tuple(low + corner)]
        picture[y, x] = [*colour, 1.0] @ transform
    return picture


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(41, 70, 3), (70, 41, 3), (3, 5, 3)])
def test_reads_the_grid_by_trilinear_interpolation(rng, dtype, shape):
    nodes = (25, 33, 9) if shape[0] < shape[1] else (33, 25, 9)
    grid = rng.normal(size=(*nodes, 4, 3)).astype(np.float32)
    photo = rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    expected = interpolated(grid, unit(photo).astype(np.float64))
    np.testing.assert_allclose(carried(grid, photo), expected, atol=1e-4)


def test_an_affine_change_is_carried_as_it_is(rng):
    matrix, offset = np.eye(3) + 0.3 * rng.normal(size=(3, 3)), rng.normal(size=3)
    small = rng.random((60, 80, 3), np.float32)
    grid = fit_change(small, (small @ matrix + offset).astype(np.float32))
    photo = rng.integers(0, 256, (240, 320, 3), np.uint8)
    error = np.abs(carried(grid, photo) - (unit(photo) @ matrix + offset))
    assert error.mean() < 2e-4
    assert error.max() < 2e-2


def test_a_film_look_reaches_the_full_photo():
    """The look of the reduced photo, carried up, beside the look of the full photo."""
    from PIL import Image

    look = load_look("classic_neg")
    for path in sample_photos("test")[:2]:
        image = Image.open(path).convert("RGB")
        photo = np.asarray(image)
        small = np.asarray(image.reduce(3))
        made = render(small, look, 0, grain=False, halation=False)
        picture = carried(fit_change(unit(small), unit(made)), photo)
        wanted = render(photo, look, 0, grain=False, halation=False)
        error = np.mean(np.square(np.clip(picture, 0, 1) - unit(wanted)))
        assert -10 * np.log10(error) > 38


def test_two_photos_of_unlike_shape_are_refused(rng):
    with pytest.raises(ValueError, match=r"\(4, 4, 3\), \(4, 5, 3\)"):
        fit_change(rng.random((4, 4, 3), np.float32), rng.random((4, 5, 3), np.float32))
