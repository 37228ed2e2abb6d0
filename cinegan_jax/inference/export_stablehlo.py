"""A trained look as a StableHLO program, for JAX without this package."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import export
from jax.typing import DTypeLike

from cinegan_jax.inference.trained_look import TrainedLook, apply_generator
from cinegan_jax.ops.images import to_unit

SHAPE = "batch, 8*height, 8*width, 3"
PLATFORMS = ("cpu", "cuda", "tpu")


def to_stablehlo(look: TrainedLook, dtype: DTypeLike = np.float16) -> bytes:
    """The program with its kernels, as `jax.export.deserialize` reads it.

    It takes photos, float32 [n, h, w, 3] in unit range, to pictures of the same shape and range,
    clipped; h and w are multiples of 8.

    Args:
        look: any look.
        dtype: what the kernels are stored in, float16 or float32; all is computed in float32.
    """
    stored = jax.tree.map(lambda kernel: np.asarray(kernel, dtype), look.kernels)

    @jax.jit
    def picture(photo: jax.Array) -> jax.Array:
        kernels = jax.tree.map(lambda kernel: jnp.asarray(kernel).astype(jnp.float32), stored)
        signed = apply_generator(look.generator, kernels, 2.0 * photo - 1.0)
        return jnp.clip(to_unit(signed), 0.0, 1.0)

    photo = jax.ShapeDtypeStruct(export.symbolic_shape(SHAPE), jnp.float32)
    return bytes(export.export(picture, platforms=PLATFORMS)(photo).serialize())
