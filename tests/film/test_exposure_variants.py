import colour
import numpy as np
import pytest

from cinegan_jax.film.exposure_variants import CAST, SATURATION, STOPS, vary


@pytest.fixture
def photo(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (12, 17, 3), np.uint8)


def test_changes_light_and_not_code_values(photo: np.ndarray) -> None:
    """The same draws, applied with colour-science's transfer functions."""
    rng = np.random.default_rng(5)
    stops = STOPS * rng.standard_normal() + CAST * rng.standard_normal(3)
    saturation = rng.uniform(*SATURATION)
    light = colour.cctf_decoding(photo / 255, "sRGB") * 2.0**stops
    grey = light @ [[0.2126], [0.7152], [0.0722]]
    light = np.clip(grey + saturation * (light - grey), 0, 1)
    expected = 255 * colour.cctf_encoding(light, "sRGB")
    np.testing.assert_allclose(vary(photo, 5), expected, atol=0.51)


def test_is_repeatable_and_each_seed_is_another_light(photo: np.ndarray) -> None:
    np.testing.assert_array_equal(vary(photo, 1), vary(photo, 1))
    means = [vary(photo, seed).mean() for seed in range(40)]
    assert np.std(means) > 15
    assert all(vary(photo, seed).shape == photo.shape for seed in range(3))


def test_black_stays_black() -> None:
    assert not vary(np.zeros((2, 2, 3), np.uint8), 3).any()
