from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cinegan_jax.ops import images

pytestmark = pytest.mark.agreement


@pytest.fixture(autouse=True)
def strict_dtypes() -> Iterator[None]:
    with jax.numpy_dtype_promotion("strict"):
        yield


@pytest.fixture
def levels() -> np.ndarray:
    """Image [1, 16, 16, 1] with every uint8 value once."""
    return np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)


def test_ranges_of_every_level(levels: np.ndarray) -> None:
    signed, unit = images.to_signed(levels), images.to_unit(levels)
    assert signed.dtype == unit.dtype == jnp.float32
    np.testing.assert_allclose(signed, levels.astype(np.float64) / 255 * 2 - 1, atol=1e-7)
    np.testing.assert_allclose(unit, levels.astype(np.float64) / 255, atol=1e-7)
    np.testing.assert_allclose(images.to_unit(signed), unit, atol=1e-7)


def test_uint8_round_trip_is_exact(levels: np.ndarray) -> None:
    np.testing.assert_array_equal(images.to_uint8(images.to_signed(levels)), levels)


def test_to_uint8_rounds_and_clips() -> None:
    wanted = np.array([-9.0, 0.4, 0.6, 99.4, 99.6, 254.6, 255.4, 400.0], np.float32)
    got = images.to_uint8(wanted / np.float32(127.5) - np.float32(1))
    assert got.dtype == jnp.uint8
    np.testing.assert_array_equal(got, [0, 0, 1, 99, 100, 255, 255, 255])


def test_to_signed_refuses_floats() -> None:
    with pytest.raises(TypeError, match="float32"):
        images.to_signed(np.zeros((1, 2, 2, 3), np.float32))


def test_half_size_is_bilinear_resizing(rng: np.random.Generator) -> None:
    x = rng.uniform(-1, 1, (2, 6, 10, 3)).astype(np.float32)
    bilinear = jax.image.resize(x, (2, 3, 5, 3), "bilinear", antialias=False)
    np.testing.assert_allclose(images.half_size(x), bilinear, atol=1e-6)


def test_half_size_refuses_odd_sizes() -> None:
    with pytest.raises(ValueError, match=r"\(1, 6, 5, 3\)"):
        images.half_size(np.zeros((1, 6, 5, 3), np.float32))


@pytest.mark.parametrize("factor", [2, 3])
def test_pixel_shuffle_against_its_definition(rng: np.random.Generator, factor: int) -> None:
    x = rng.normal(size=(2, 3, 4, 5 * factor**2)).astype(np.float32)
    y = np.asarray(images.pixel_shuffle(jnp.asarray(x), factor))
    assert y.shape == (2, 3 * factor, 4 * factor, 5)
    for row, column, c in np.ndindex(y.shape[1:]):
        (i, di), (j, dj) = divmod(row, factor), divmod(column, factor)
        np.testing.assert_array_equal(y[:, row, column, c], x[:, i, j, (di * factor + dj) * 5 + c])


def test_pixel_shuffle_refuses_odd_channels() -> None:
    with pytest.raises(ValueError, match="multiples of 4"):
        images.pixel_shuffle(jnp.zeros((1, 2, 2, 6)))
