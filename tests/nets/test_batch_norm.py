"""Batch norm over replicas, compared with numpy over the whole batch."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from agreement import largest_gap

from cinegan_jax.nets.norms import ALONE, BatchNorm, Replicas

pytestmark = pytest.mark.agreement

BATCH, CHANNELS = 16, 3
SPREAD = Replicas(partial(jax.lax.pmean, axis_name="here"), 8)


@pytest.fixture
def x(rng: np.random.Generator) -> np.ndarray:
    """Activations whose mean and deviation differ between images."""
    levels = rng.normal(size=(BATCH, 1, 1, CHANNELS))
    x = levels + rng.uniform(0.5, 2, levels.shape) * rng.normal(size=(BATCH, 5, 4, CHANNELS))
    return x.astype(np.float32)


@pytest.fixture
def variables(rng: np.random.Generator) -> dict[str, Any]:
    draws = rng.normal(size=(3, CHANNELS)).astype(np.float32)
    params = {"scale": draws[0], "bias": draws[1]}
    return {"params": params, "batch_stats": {"mean": draws[2], "variance": np.abs(draws[0]) + 1}}


def trained(norm: BatchNorm, variables: Any, x: Any, replicas: Replicas) -> tuple[Any, Any]:
    y, after = norm.apply(variables, x, replicas, mutable=["batch_stats"])
    return y, after["batch_stats"]


def in_parts(x: np.ndarray) -> np.ndarray:
    return x.reshape(8, -1, *x.shape[1:])


@pytest.mark.parametrize("unbiased", [True, False])
def test_training_normalises_by_the_batch_and_updates_running_statistics(
    x: np.ndarray, variables: dict[str, Any], unbiased: bool
) -> None:
    norm = BatchNorm(epsilon=0.1, decay=0.75, unbiased=unbiased)
    y, after = jax.jit(lambda v, x: trained(norm, v, x, ALONE))(variables, x)
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    scale, bias = (variables["params"][name] for name in ("scale", "bias"))
    np.testing.assert_allclose(y, (x - mean) / np.sqrt(variance + 0.1) * scale + bias, atol=1e-5)
    kept, found = variables["batch_stats"], x.var((0, 1, 2), ddof=int(unbiased))
    np.testing.assert_allclose(after["mean"], 0.75 * kept["mean"] + 0.25 * mean, atol=1e-6)
    np.testing.assert_allclose(after["variance"], 0.75 * kept["variance"] + 0.25 * found, atol=1e-6)


def test_inference_normalises_by_the_running_statistics(
    x: np.ndarray, variables: dict[str, Any]
) -> None:
    y = BatchNorm(epsilon=0.1).apply(variables, x[:1])
    kept, params = variables["batch_stats"], variables["params"]
    centred = (x[:1] - kept["mean"]) / np.sqrt(kept["variance"] + 0.1)
    np.testing.assert_allclose(y, centred * params["scale"] + params["bias"], atol=1e-5)


def test_eight_replicas_have_the_moments_and_gradients_of_the_whole_batch(
    x: np.ndarray, variables: dict[str, Any], rng: np.random.Generator
) -> None:
    weights = rng.normal(size=x.shape).astype(np.float32)

    def loss(given: Any, weights: Any, replicas: Replicas) -> Any:
        params, x = given
        y, after = trained(BatchNorm(), {**variables, "params": params}, x, replicas)
        return jnp.mean(weights * jnp.sin(y)), (y, after)

    def step(replicas: Replicas, params: Any, x: Any, weights: Any) -> Any:
        differentiate = jax.grad(loss, has_aux=True)
        (slopes, of_x), updated = differentiate((params, x), weights, replicas)
        return replicas.average(slopes), of_x, updated

    whole = jax.jit(partial(step, ALONE))(variables["params"], x, weights)
    parts = jax.pmap(partial(step, SPREAD), axis_name="here", in_axes=(None, 0, 0))(
        variables["params"], in_parts(x), in_parts(weights)
    )
    slopes, of_x, (y, after) = parts
    first = jax.tree.map(lambda leaf: leaf[0], (slopes, after))
    assert largest_gap(first, (whole[0], whole[2][1])) < 1e-6
    np.testing.assert_allclose(y.reshape(x.shape), whole[2][0], atol=1e-5)
    # A replica's loss is the mean over its part, in which each image counts 8 times as much.
    np.testing.assert_allclose(of_x.reshape(x.shape) / 8, whole[1], atol=1e-6)


def test_replicas_that_normalise_alone_do_not_see_each_other(
    x: np.ndarray, variables: dict[str, Any]
) -> None:
    both = jax.pmap(lambda x: trained(BatchNorm(), variables, x, ALONE)[0])(in_parts(x))
    second = jax.jit(lambda x: trained(BatchNorm(), variables, x, ALONE)[0])(in_parts(x)[1])
    np.testing.assert_allclose(both[1], second, atol=1e-6)
    assert np.abs(both[1] - both[0]).max() > 0.1


def test_statistics_do_not_cancel_where_a_channel_is_bright_and_flat() -> None:
    x = 1000 + np.linspace(-0.01, 0.01, 64, dtype=np.float64).reshape(4, 4, 4, 1)
    variables = jax.tree.map(
        np.asarray, BatchNorm(epsilon=0.0).init(jax.random.key(0), jnp.zeros((1, 1)))
    )
    x = x.astype(np.float32)
    y, _ = trained(BatchNorm(epsilon=0.0), variables, x, ALONE)
    wanted = (np.float64(x) - np.float64(x).mean()) / np.float64(x).std()
    np.testing.assert_allclose(y, wanted, atol=0.05)
