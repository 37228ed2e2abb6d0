"""Functions of images in batches over devices."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cinegan_jax.metrics.devices import _BATCH_AXIS, OnDevices


@pytest.mark.parametrize("count", [1, 15, 16, 17, 40])
@pytest.mark.parametrize("devices", [1, 8])
def test_rows_are_those_of_the_plain_function(
    rng: np.random.Generator, count: int, devices: int
) -> None:
    images, others = rng.normal(size=(2, count, 3, 2)).astype(np.float32)

    def function(weights: jax.Array, images: jax.Array, others: jax.Array) -> Any:
        return {"dot": jnp.sum(weights * images * others, (1, 2)), "copy": images}

    weights = jnp.arange(2.0)[None, None]
    run = OnDevices(function, weights, per_device=2, devices=jax.devices()[:devices])
    got = run(images, others)
    assert run.batch_size == 2 * devices
    np.testing.assert_allclose(got["dot"], (images * others)[..., 1].sum(1), rtol=1e-6)
    np.testing.assert_array_equal(got["copy"], images)


def test_one_program_serves_every_number_of_images() -> None:
    traced = []

    def function(_: None, images: jax.Array) -> Any:
        traced.append(images.shape)
        return images.sum(axis=1)

    run = OnDevices(function, per_device=2)
    for count in (1, 16, 37):
        run(np.ones((count, 5), np.float32))
    assert traced == [(2, 5)]


def test_each_device_has_its_part_of_a_batch() -> None:
    def function(_: None, images: jax.Array) -> Any:
        return jnp.full(len(images), jax.lax.axis_index(_BATCH_AXIS))

    got = OnDevices(function, per_device=2)(np.zeros((21, 4)))
    np.testing.assert_array_equal(got, np.r_[np.repeat(range(8), 2), 0, 0, 1, 1, 2])
