"""Development of photos of every size and both depths, with strength, grain and dither."""

import jax
import numpy as np
import pytest

from cinegan_jax.core.errors import UserError
from cinegan_jax.film.grain import add_grain
from cinegan_jax.inference.develop import METHODS, Settings, develop, to_pixels
from cinegan_jax.inference.look import Look, NetworkLook
from cinegan_jax.nets.res_unet import ResUnetGenerator


@pytest.fixture(scope="module")
def look() -> Look:
    """A small generator with random kernels, its output layer too."""
    generator = ResUnetGenerator(width=2, num_blocks=1, residual=True, colour_path=4)
    image = jax.ShapeDtypeStruct((1, 64, 64, 3), np.float32)
    shapes = jax.eval_shape(generator.init, jax.random.key(0), image)["params"]
    rng = np.random.default_rng(5)
    kernels = jax.tree.map(lambda s: 0.2 * rng.normal(size=s.shape).astype(np.float32), shapes)
    return NetworkLook("random", generator, kernels)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(1, 1, 3), (5, 900, 3), (70, 50, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_any_photo_keeps_its_size_and_depth(
    rng: np.random.Generator,
    look: Look,
    method: str,
    shape: tuple[int, int, int],
    dtype: type[np.unsignedinteger],
) -> None:
    photo = rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    shares = []
    image = develop(photo, look, Settings(method), shares.append)
    assert image.shape == shape
    assert image.dtype == dtype
    assert (image != photo).any()
    assert shares == sorted(shares)
    assert shares[-1] == 1


@pytest.mark.parametrize("method", METHODS)
def test_no_strength_and_no_grain_is_the_photo(
    rng: np.random.Generator, look: Look, method: str
) -> None:
    photo = rng.integers(0, 256, (40, 30, 3), np.uint8)
    image = develop(photo, look, Settings(method, strength=0))
    np.testing.assert_array_equal(image, photo)
    assert not np.shares_memory(image, photo)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (Settings("magic"), "method 'magic' is not one of transfer"),
        (Settings(strength=1.6), "strength 1.6 is not between 0 and 1.5"),
        (Settings(strength=float("nan")), "strength nan"),
        (Settings(grain=-1), "grain -1 is not between 0 and 4"),
        (Settings(grain=float("inf")), "grain inf"),
        (Settings(grain_size=0.2), "grain_size 0.2 is not between 0.25 and 4"),
        (Settings(halation=4.1), "halation 4.1"),
        (Settings(bloom=float("nan")), "bloom nan"),
        (Settings(seed=-1), "seed -1"),
    ],
)
def test_settings_out_of_range_are_named(settings: Settings, text: str) -> None:
    with pytest.raises(UserError, match=text):
        settings.check()


def test_dither_keeps_levels_and_the_mean_of_what_lies_between(rng: np.random.Generator) -> None:
    levels = np.repeat(np.arange(256, dtype=np.float32), 100)
    np.testing.assert_array_equal(to_pixels(levels / 255, np.dtype(np.uint8), rng), levels)
    between = np.full(100_000, 99.25 / 255, np.float32)
    dithered = to_pixels(between, np.dtype(np.uint8), rng)
    assert set(dithered) == {99, 100}
    assert dithered.mean() == pytest.approx(99.25, abs=0.01)


def test_sixteen_bits_are_rounded(rng: np.random.Generator) -> None:
    levels = rng.uniform(0, 65535, 1000)
    found = to_pixels((levels / 65535).astype(np.float32), np.dtype(np.uint16), rng)
    np.testing.assert_allclose(found, levels, atol=0.51)


def test_grain_is_the_film_renderers(rng: np.random.Generator, look: Look) -> None:
    photo = rng.integers(0, 2**16, (300, 200, 3), np.uint16)
    grained = develop(photo, look, Settings(strength=0, grain=2, seed=7)).astype(float)
    wanted = add_grain(photo / np.float32(65535), 2 * look.grain.sigma, look.grain.size, 7)
    np.testing.assert_allclose(grained / 65535, np.clip(wanted, 0, 1), atol=1e-3)


def test_grain_of_another_size_is_the_film_renderers(rng: np.random.Generator, look: Look) -> None:
    photo = np.full((200, 300, 3), 0.5, np.float32)
    grained = develop(photo, look, Settings(strength=0, grain=1, seed=7, grain_size=4))
    wanted = add_grain(photo, look.grain.sigma, 4 * look.grain.size, 7)
    np.testing.assert_allclose(grained, wanted, atol=2e-3)


def test_a_smooth_sky_gets_no_bands(look: Look) -> None:
    """The mean of a column equals the look's output, also between two levels."""
    sky = np.linspace(100, 140, 160).astype(np.uint8)[None, :, None].repeat(400, 0).repeat(3, 2)
    made = np.concatenate(list(METHODS["transfer"](sky, look, 0.5, lambda share: None)))
    wanted = np.clip(made, 0, 1).mean(axis=0) * 255
    found = develop(sky, look, Settings(strength=0.5)).mean(axis=0)
    assert np.abs(wanted - np.rint(wanted)).max() > 0.3
    np.testing.assert_allclose(found, wanted, atol=0.15)


def test_what_progress_raises_ends_the_work(rng: np.random.Generator, look: Look) -> None:
    def cancel(share: float) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        develop(rng.integers(0, 256, (40, 30, 3), np.uint8), look, Settings(), cancel)
