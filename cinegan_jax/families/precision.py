"""What networks compute in."""

from collections.abc import Mapping

import jax.numpy as jnp

from cinegan_jax.core.errors import UserError

PRECISIONS: Mapping[str, jnp.dtype] = {
    "bf16": jnp.dtype(jnp.bfloat16),
    "f32": jnp.dtype(jnp.float32),
}


def dtype_of(precision: str) -> jnp.dtype:
    """The type of activations that `config.precision` names; parameters are float32 always.

    Raises:
      UserError: there is none of that name.
    """
    if precision not in PRECISIONS:
        raise UserError(f"precision={precision!r} is not one of {', '.join(PRECISIONS)}")
    return PRECISIONS[precision]
