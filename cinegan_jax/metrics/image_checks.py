"""What every metric asks of the pictures that it compares."""

import jax
import jax.numpy as jnp

from cinegan_jax.core.types import Images


def checked(
    metric: str, images: Images, references: Images, *, smallest_side: int = 1
) -> tuple[jax.Array, jax.Array]:
    """Both as device arrays, once they are found to be fit for comparison.

    Args:
        metric: its name, for the errors.
        images: unit [n, h, w, 3].
        references: unit [n, h, w, 3].
        smallest_side: least height and width in pixels.

    Raises:
        ValueError: they are no float pictures, their shapes differ, or a side is too short; the
            text shows the shapes.
    """
    images, references = jnp.asarray(images), jnp.asarray(references)
    shape = images.shape
    if shape != references.shape:
        raise ValueError(f"{metric} compares equal shapes, got {shape} and {references.shape}")
    if len(shape) != 4 or shape[3] != 3:
        raise ValueError(f"{metric} compares pictures [n, h, w, 3], got {shape}")
    for kind in (images.dtype, references.dtype):
        if not jnp.issubdtype(kind, jnp.floating):
            raise ValueError(f"{metric} compares floats in unit range, got {kind}")
    height, width = shape[1:3]
    if min(height, width) < smallest_side:
        raise ValueError(
            f"{metric} needs pictures of at least {smallest_side}x{smallest_side} pixels, "
            f"got {height}x{width}"
        )
    return images, references
