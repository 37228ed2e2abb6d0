"""Spectral normalisation (arXiv 1802.05957) as a reparametrisation of a parameter tree.

The stored kernels are never overwritten; a network is applied to `normalize(params, state)`. A
training step advances the state once and uses the same normalised kernels for real and fake:

    state = power_iteration(params, state)
    weights = normalize(params, state)    # differentiable in params

A kernel is treated as the matrix W [kh * kw * in, out]. The state holds, for each layer, the
estimate u [out] of the right singular vector of W's largest singular value sigma; the left one, v,
follows from it. Miyato et al. use the transposed matrix, for which u is the left vector. All is
computed in float32, from the float32 master kernels.
"""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict

from cinegan_jax.core.types import Params, Scalar

SpectralState = Mapping[str, jax.Array]
"""Unit vector u, float32 [out], by layer path, such as `e2/conv`."""

_EPSILON = 1e-12


def init_spectral(key: jax.Array, params: Params, layers: Sequence[str]) -> SpectralState:
    """Return random unit vectors for the named layers of one network's parameters.

    Raises:
        ValueError: a layer has no kernel in `params`; the message lists those that have one.
    """
    flat = flatten_dict(params, sep="/")
    missing = [layer for layer in layers if _kernel_name(layer) not in flat]
    if missing:
        valid = [name.removesuffix("/kernel") for name in flat if name.endswith("/kernel")]
        raise ValueError(f"no kernel in layers {missing}; layers with kernels: {valid}")
    keys = jax.random.split(key, len(layers))
    sizes = [flat[_kernel_name(layer)].shape[-1] for layer in layers]
    return {
        layer: _unit(jax.random.normal(k, (size,), jnp.float32))
        for layer, k, size in zip(layers, keys, sizes, strict=True)
    }


def power_iteration(params: Params, state: SpectralState) -> SpectralState:
    """Advance every u by one step of the power method on W^T W, without a gradient."""
    flat = flatten_dict(params, sep="/")
    matrices = {layer: jax.lax.stop_gradient(_matrix(flat[_kernel_name(layer)])) for layer in state}
    return {layer: _unit(_dot(_left_vector(w, state[layer]), w)) for layer, w in matrices.items()}


def converge(params: Params, state: SpectralState, iterations: int = 200) -> SpectralState:
    """Advance every u by many steps of the power method, for kernels that are new to the state."""
    return jax.jit(
        lambda start: jax.lax.fori_loop(
            0, iterations, lambda _, u: power_iteration(params, u), start
        )
    )(state)


def normalize(params: Params, state: SpectralState) -> Params:
    """Return the tree with each kernel named by `state` divided by its sigma = v^T W u.

    u and v are constants to the gradient, sigma is not: d sigma / dW = v u^T. Other leaves are
    unchanged. After training, this folds sigma into plain kernels for inference.
    """
    flat = dict(flatten_dict(params, sep="/"))
    for layer, u in state.items():
        name = _kernel_name(layer)
        kernel = flat[name].astype(jnp.float32)
        flat[name] = kernel / jnp.maximum(spectral_norm(kernel, u), _EPSILON)
    return unflatten_dict(flat, sep="/")


def singular_values(params: Params, state: SpectralState) -> dict[str, Scalar]:
    """Estimate the largest singular value sigma of each layer's stored kernel."""
    flat = flatten_dict(params, sep="/")
    return {layer: spectral_norm(flat[_kernel_name(layer)], u) for layer, u in state.items()}


def spectral_norm(kernel: jax.Array, u: jax.Array) -> Scalar:
    """Estimate a kernel's largest singular value, sigma = v^T W u, given u [out]."""
    w = _matrix(kernel)
    u = jax.lax.stop_gradient(u)
    v = jax.lax.stop_gradient(_left_vector(w, u))
    return _dot(v, _dot(w, u))


def _kernel_name(layer: str) -> str:
    return f"{layer}/kernel"


def _matrix(kernel: jax.Array) -> jax.Array:
    return jnp.reshape(kernel.astype(jnp.float32), (-1, kernel.shape[-1]))


def _left_vector(w: jax.Array, u: jax.Array) -> jax.Array:
    return _unit(_dot(w, u))


def _dot(a: jax.Array, b: jax.Array) -> jax.Array:
    # TPUs multiply float32 matrices in bfloat16 unless asked for more.
    return jnp.dot(a, b, precision=jax.lax.Precision.HIGHEST)


def _unit(vector: jax.Array) -> jax.Array:
    return vector / jnp.maximum(jnp.linalg.norm(vector), _EPSILON)
