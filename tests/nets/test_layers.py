from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cinegan_jax.nets.layers import ResidualBlock, SqueezeExcite, ThinConv, conv
from cinegan_jax.nets.norms import InstanceNorm
from cinegan_jax.ops.images import pixel_shuffle

pytestmark = pytest.mark.agreement


def instance_norm(x: Any, scale: Any, bias: Any) -> np.ndarray:
    x = np.asarray(x, np.float64)
    mean, variance = x.mean((1, 2), keepdims=True), x.var((1, 2), keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-3) * scale + bias


def test_instance_norm_against_numpy(
    rng: np.random.Generator, random_params: Callable[..., Any]
) -> None:
    x = rng.normal(3, 2, (2, 6, 5, 4)).astype(np.float32)
    params = random_params(InstanceNorm(), x)
    got = InstanceNorm().apply({"params": params}, x)
    np.testing.assert_allclose(got, instance_norm(x, **params), atol=1e-5)


@pytest.mark.parametrize(
    ("dtype", "mean", "tolerance"), [(jnp.float32, 4000, 1e-4), (jnp.bfloat16, 100, 0.02)]
)
def test_instance_norm_of_a_bright_flat_image_keeps_its_variance(
    rng: np.random.Generator, dtype: Any, mean: float, tolerance: float
) -> None:
    """Whole numbers near `mean` are exact in `dtype`; their statistics are not."""
    x = mean + rng.integers(-3, 4, (2, 32, 32, 3)).astype(np.float32)
    norm = InstanceNorm(dtype=dtype)
    params = norm.init(jax.random.key(0), x)["params"]
    got = norm.apply({"params": params}, jnp.asarray(x, dtype))
    assert got.dtype == dtype
    np.testing.assert_allclose(got.astype(jnp.float32), instance_norm(x, 1, 0), atol=tolerance)


def test_instance_norm_has_the_gradients_of_its_definition(
    rng: np.random.Generator, random_params: Callable[..., Any]
) -> None:
    """Compares the first and second derivative with autodiff of the textbook formula."""
    x, direction, weight = (rng.normal(size=(2, 4, 3, 5)).astype(np.float32) for _ in range(3))
    norm = InstanceNorm()
    params = random_params(norm, x)

    def by_module(params: Any, x: Any) -> jax.Array:
        return jnp.sum(jnp.tanh(weight * norm.apply({"params": params}, x)))

    def by_definition(params: Any, x: Any) -> jax.Array:
        mean, variance = x.mean((1, 2), keepdims=True), x.var((1, 2), keepdims=True)
        y = (x - mean) / jnp.sqrt(variance + 1e-3) * params["scale"][None, None, None]
        return jnp.sum(jnp.tanh(weight * (y + params["bias"][None, None, None])))

    def derivatives(loss: Any) -> Any:
        gradient = jax.grad(loss, argnums=(0, 1))
        return jax.jit(lambda x: jax.jvp(partial(gradient, params), (x,), (direction,)))(x)

    got, wanted = derivatives(by_module), derivatives(by_definition)
    jax.tree.map(partial(np.testing.assert_allclose, atol=1e-4), got, wanted)


def test_instance_norm_in_parts_is_that_after_a_pixel_shuffle(
    rng: np.random.Generator, random_params: Callable[..., Any]
) -> None:
    x = rng.normal(1, 2, (2, 4, 3, 20)).astype(np.float32)
    norm = InstanceNorm(parts=4)
    params = random_params(norm, x)
    assert params["scale"].shape == (5,)
    got = pixel_shuffle(norm.apply({"params": params}, x))
    np.testing.assert_allclose(got, instance_norm(pixel_shuffle(x), **params), atol=1e-5)


def test_squeeze_excite_against_numpy(
    rng: np.random.Generator, random_params: Callable[..., Any]
) -> None:
    x = rng.normal(size=(2, 4, 4, 32)).astype(np.float32)
    params = random_params(SqueezeExcite(), x)
    squeeze, excite = params["squeeze"], params["excite"]
    assert squeeze["kernel"].shape == (32, 2)
    hidden = np.maximum(0, x.mean((1, 2)) @ squeeze["kernel"] + squeeze["bias"])
    gate = 1 / (1 + np.exp(-(hidden @ excite["kernel"] + excite["bias"])))
    got = SqueezeExcite().apply({"params": params}, x)
    np.testing.assert_allclose(got, x * gate[:, None, None, :], atol=1e-5)


def test_squeeze_excite_keeps_one_channel_below_16(rng: np.random.Generator) -> None:
    x = rng.normal(size=(1, 2, 2, 8)).astype(np.float32)
    got, variables = SqueezeExcite().init_with_output(jax.random.key(0), x)
    assert variables["params"]["squeeze"]["kernel"].shape == (8, 1)
    assert got.shape == x.shape


def test_residual_block_has_no_relu_after_the_sum(rng: np.random.Generator) -> None:
    """With the last norm at zero the block is the identity, also for negative values."""
    x = rng.normal(size=(1, 8, 8, 4)).astype(np.float32)
    block = ResidualBlock(4)
    params = block.init(jax.random.key(0), x)["params"]
    params["norm"] = jax.tree.map(jnp.zeros_like, params["norm"])
    np.testing.assert_array_equal(block.apply({"params": params}, x), x)


@pytest.mark.parametrize("shape", [(2, 16, 24, 5), (1, 8, 8, 1)])
def test_a_thin_convolution_equals_the_plain_one(
    rng: np.random.Generator, shape: tuple[int, ...]
) -> None:
    x = rng.normal(size=shape).astype(np.float32)
    thin, plain = ThinConv(3, 7), nn.Conv(3, (7, 7), padding="SAME")
    variables = jax.tree.map(
        lambda leaf: jnp.asarray(rng.normal(size=leaf.shape), jnp.float32),
        thin.init(jax.random.key(0), x),
    )
    ours, theirs = (jax.vjp(module.apply, variables, x) for module in (thin, plain))
    np.testing.assert_allclose(ours[0], theirs[0], atol=1e-4)
    cotangent = rng.normal(size=ours[0].shape).astype(np.float32)
    pulled = [pullback(cotangent) for _, pullback in (ours, theirs)]
    jax.tree.map(partial(np.testing.assert_allclose, atol=1e-3, rtol=1e-4), *pulled)


def test_a_bias_that_a_norm_removes_has_no_gradient(rng: np.random.Generator) -> None:
    """Autodiff of the plain convolution finds zero up to rounding."""
    x = rng.normal(size=(2, 8, 8, 3)).astype(np.float32)
    weight = rng.normal(size=(2, 8, 8, 4)).astype(np.float32)

    def gradient(before_norm: bool) -> Any:
        convolution = conv(4, 3, dtype=jnp.float32, name="conv", before_norm=before_norm)
        norm = InstanceNorm()
        started = norm.init(jax.random.key(1), weight)
        variables = convolution.init(jax.random.key(0), x)

        def loss(variables: Any) -> jax.Array:
            return jnp.sum(weight * norm.apply(started, convolution.apply(variables, x)))

        return jax.grad(loss)(variables)["params"]

    ours, plain = gradient(True), gradient(False)
    np.testing.assert_array_equal(ours["bias"], 0.0)
    np.testing.assert_allclose(plain["bias"], 0.0, atol=1e-4)
    np.testing.assert_allclose(ours["kernel"], plain["kernel"], atol=1e-5)
