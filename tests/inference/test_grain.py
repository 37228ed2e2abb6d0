import itertools

import numpy as np
import pytest

from cinegan_jax.film.grain import GrainNoise, add_grain, lay_grain


def in_bands(
    image: np.ndarray, size: float, bands: tuple[int, ...], sigma: float = 0.02, seed: int = 3
) -> np.ndarray:
    noise = GrainNoise(*image.shape[:2], size, seed)
    edges = np.cumsum([0, *bands])
    pairs = itertools.pairwise(edges)
    return np.concatenate([lay_grain(image[a:b], noise.take(b - a), sigma) for a, b in pairs])


@pytest.mark.parametrize(
    ("shape", "size", "bands"),
    [
        ((300, 200, 3), 0.01, (128, 128, 44)),
        ((300, 200, 3), 0.01, (1, 298, 1)),
        ((90, 400, 3), 0.0, (90,)),
        ((5, 3000, 3), 0.001, (2, 3)),
        ((3000, 5, 3), 0.001, (1000, 2000)),
    ],
)
def test_bands_have_the_grain_of_the_film_renderer(
    rng: np.random.Generator, shape: tuple[int, int, int], size: float, bands: tuple[int, ...]
) -> None:
    """The renderer scales by the measured deviation, bands by the expected one."""
    image = rng.random(shape, np.float32)
    wanted = add_grain(image, 0.02, size, 3) - image
    found = in_bands(image, size, bands) - image
    scale = np.sum(found * wanted) / np.sum(wanted**2)
    assert scale == pytest.approx(1, abs=0.03 if min(shape[:2]) > 5 else 0.25)
    np.testing.assert_allclose(found, scale * wanted, atol=1e-6)


def test_one_pixel_has_grain() -> None:
    assert np.isfinite(GrainNoise(1, 1, 0.001, 0).take(1)).all()


def test_more_rows_than_there_are_is_an_error() -> None:
    with pytest.raises(ValueError, match="rows 0 to 3 of noise with 2 rows"):
        GrainNoise(2, 5, 0.001, 0).take(3)
