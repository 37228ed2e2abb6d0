from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cinegan_jax.inference.network import make_generate, pad_to_multiple
from cinegan_jax.ops.images import to_signed


def _negative(params: Any, images: Any) -> jax.Array:
    return params["sign"] * to_signed(images)


def _photo(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("shape", [(64, 64), (1, 1), (65, 64), (37, 130), (5, 200)])
def test_an_elementwise_network_is_exact_at_every_size(
    rng: np.random.Generator, shape: tuple[int, ...]
) -> None:
    generate = make_generate(_negative, {"sign": jnp.float32(-1)})
    photo = _photo(rng, *shape)
    image = generate(photo)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, 255 - photo)


def test_the_result_is_rounded_and_clipped() -> None:
    levels = np.arange(64, dtype=np.uint8).repeat(3).reshape(1, 64, 3)
    third = make_generate(lambda _, x: x / jnp.float32(127.5 * 3) - 1, {})
    np.testing.assert_array_equal(third(levels), np.rint(levels / 3))
    beyond = make_generate(lambda _, x: 5 * to_signed(x), {})
    np.testing.assert_array_equal(beyond(levels), 0)


def test_the_network_sees_the_photo_reflected_at_bottom_and_right(rng: np.random.Generator) -> None:
    seen = []

    def record(_: Any, images: Any) -> jax.Array:
        seen.append((images.shape, images.dtype))
        signed = to_signed(images)
        means = jnp.mean(signed, axis=(1, 2), keepdims=True)
        return jnp.broadcast_to(means, images.shape)

    photo = _photo(rng, 6, 7)
    image = make_generate(record, {}, bucket=8)(photo)
    assert seen == [((1, 8, 8, 3), jnp.uint8)]
    rows, columns = [0, 1, 2, 3, 4, 5, 4, 3], [0, 1, 2, 3, 4, 5, 6, 5]
    expected = photo[np.ix_(rows, columns)].mean((0, 1))
    np.testing.assert_allclose(image[0, 0], expected, atol=0.51)


def test_exact_multiples_are_not_padded(rng: np.random.Generator) -> None:
    photo = _photo(rng, 16, 24)
    np.testing.assert_array_equal(pad_to_multiple(photo, 8), photo)


def test_shapes_of_one_bucket_share_one_program(rng: np.random.Generator) -> None:
    traces = []

    def count(_: Any, images: Any) -> jax.Array:
        traces.append(images.shape)
        return to_signed(images)

    generate = make_generate(count, {})
    for shape in [(64, 128), (33, 65), (1, 127), (50, 100), (64, 128)]:
        generate(_photo(rng, *shape))
    assert traces == [(1, 64, 128, 3)]
    generate(_photo(rng, 65, 128))
    assert traces == [(1, 64, 128, 3), (1, 128, 128, 3)]


def test_each_device_that_is_used_keeps_the_parameters(rng: np.random.Generator) -> None:
    """Parameters on one device do not force the computation to that device."""
    first, other = jax.local_devices()[:2]
    gains = jax.device_put(rng.random((1, 64, 64, 3), np.float32), first)
    generate = make_generate(lambda params, images: params * to_signed(images), gains)
    photo = _photo(rng, 64, 64)
    expected = generate(photo)
    with jax.default_device(other):
        np.testing.assert_array_equal(generate(photo), expected)
    copies = [array for array in jax.live_arrays() if array.shape == gains.shape]
    assert {array.device for array in copies} == {first, other}
