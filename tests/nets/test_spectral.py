from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from cinegan_jax.nets import spectral

pytestmark = pytest.mark.agreement

LAYERS = ("first", "deep/conv")


@pytest.fixture
def params(rng: np.random.Generator) -> dict:
    def layer(*shape: int) -> dict:
        kernel = rng.normal(size=shape).astype(np.float32)
        return {"kernel": jnp.asarray(kernel), "bias": jnp.ones(shape[-1])}

    return {"first": layer(3, 3, 4, 8), "deep": {"conv": layer(4, 4, 6, 1)}, "plain": layer(8, 5)}


def kernel_of(params: Any, layer: str) -> Any:
    for part in layer.split("/"):
        params = params[part]
    return params["kernel"]


def matrix(kernel: Any) -> np.ndarray:
    return np.asarray(kernel, np.float64).reshape(-1, kernel.shape[-1])


def converged(params: Any) -> spectral.SpectralState:
    state = spectral.init_spectral(jax.random.key(0), params, LAYERS)
    advance = jax.jit(spectral.power_iteration)
    for _ in range(300):
        state = advance(params, state)
    return state


def test_state_has_unit_vectors_of_the_output_size(params: Any) -> None:
    state = spectral.init_spectral(jax.random.key(0), params, LAYERS)
    assert {layer: u.shape for layer, u in state.items()} == {"first": (8,), "deep/conv": (1,)}
    for u in state.values():
        assert u.dtype == jnp.float32
        np.testing.assert_allclose(np.linalg.norm(u), 1, rtol=1e-6)


def test_unknown_layer_lists_the_valid_ones(params: Any) -> None:
    with pytest.raises(ValueError, match=r"\['e9'\].*'first', 'deep/conv', 'plain'"):
        spectral.init_spectral(jax.random.key(0), params, ("first", "e9"))


def test_sigma_converges_to_the_largest_singular_value(params: Any) -> None:
    for layer, u in converged(params).items():
        kernel = kernel_of(params, layer)
        wanted = np.linalg.svd(matrix(kernel), compute_uv=False)[0]
        np.testing.assert_allclose(spectral.spectral_norm(kernel, u), wanted, rtol=1e-5)


def test_power_iteration_advances_once(params: Any) -> None:
    state = spectral.init_spectral(jax.random.key(1), params, LAYERS)
    got = spectral.power_iteration(params, state)
    for layer, u in state.items():
        w = matrix(kernel_of(params, layer))
        v = w @ np.asarray(u, np.float64)
        u = w.T @ (v / np.linalg.norm(v))
        np.testing.assert_allclose(got[layer], u / np.linalg.norm(u), rtol=1e-5, atol=1e-6)


def test_normalize_touches_only_the_named_kernels(params: Any) -> None:
    before = jax.tree.map(np.array, params)
    state = converged(params)
    got = spectral.normalize(params, state)
    assert jax.tree.structure(got) == jax.tree.structure(params)
    for layer in LAYERS:
        largest = np.linalg.svd(matrix(kernel_of(got, layer)), compute_uv=False)[0]
        np.testing.assert_allclose(largest, 1, rtol=1e-5)
        np.testing.assert_array_equal(got["first"]["bias"], params["first"]["bias"])
    np.testing.assert_array_equal(got["plain"]["kernel"], params["plain"]["kernel"])
    jax.tree.map(np.testing.assert_array_equal, params, before)


def test_gradient_of_sigma_is_the_outer_product_of_singular_vectors(params: Any) -> None:
    kernel = params["first"]["kernel"]
    gradient = jax.grad(spectral.spectral_norm)(kernel, converged(params)["first"])
    left, _, right = np.linalg.svd(matrix(kernel), full_matrices=False)
    np.testing.assert_allclose(matrix(gradient), np.outer(left[:, 0], right[0]), atol=1e-4)


def test_gradient_of_normalize_against_finite_differences(params: Any) -> None:
    """At convergence sigma is stationary in u and v, so finite differences see the same slope."""
    state = converged(params)
    weights = jax.random.normal(jax.random.key(2), params["first"]["kernel"].shape)

    def loss(kernel: Any) -> jax.Array:
        tree = {**params, "first": {**params["first"], "kernel": kernel}}
        return jnp.sum(weights * spectral.normalize(tree, state)["first"]["kernel"])

    check_grads(loss, (params["first"]["kernel"],), order=1, modes=["rev"], rtol=0.02, eps=1e-2)


def test_no_gradient_through_the_power_iteration(params: Any) -> None:
    state = spectral.init_spectral(jax.random.key(1), params, LAYERS)

    def loss(p: Any) -> jax.Array:
        return sum(jnp.sum(u) for u in spectral.power_iteration(p, state).values())

    assert not any(np.any(g) for g in jax.tree.leaves(jax.grad(loss)(params)))


def test_zero_kernel_stays_finite(params: Any) -> None:
    params = {**params, "first": jax.tree.map(jnp.zeros_like, params["first"])}
    state = spectral.init_spectral(jax.random.key(0), params, LAYERS)
    state = spectral.power_iteration(params, state)
    assert np.isfinite(state["first"]).all()
    np.testing.assert_array_equal(spectral.normalize(params, state)["first"]["kernel"], 0)


def test_bfloat16_kernels_are_measured_in_float32(params: Any) -> None:
    kernel = params["first"]["kernel"].astype(jnp.bfloat16)
    sigma = spectral.spectral_norm(kernel, jnp.ones(8) / np.sqrt(8))
    assert sigma.dtype == jnp.float32
    wanted = np.linalg.norm(matrix(kernel.astype(jnp.float32)) @ (np.ones(8) / np.sqrt(8)))
    np.testing.assert_allclose(sigma, wanted, rtol=1e-5)
