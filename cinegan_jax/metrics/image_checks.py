"""Checks that every paired metric makes of the images it compares."""

import jax
import jax.numpy as jnp

from cinegan_jax.core.types import Images


def checked_images(
    metric: str, images: Images, references: Images, *, smallest_side: int = 1
) -> tuple[jax.Array, jax.Array]:
    """Return both as device arrays, after checking that they can be compared.

    Args:
        metric: its name, for error messages.
        images: unit [n, h, w, 3].
        references: unit [n, h, w, 3].
        smallest_side: least height and width, in pixels.

    Raises:
        ValueError: they are not float images, their shapes differ, or a side is too short. The
            message shows the shapes.
    """
    images, references = jnp.asarray(images), jnp.asarray(references)
    shape = images.shape
    if shape != references.shape:
        raise ValueError(f"{metric} compares equal shapes, got {shape} and {references.shape}")
    if len(shape) != 4 or shape[3] != 3:
        raise ValueError(f"{metric} compares images [n, h, w, 3], got {shape}")
    for kind in (images.dtype, references.dtype):
        if not jnp.issubdtype(kind, jnp.floating):
            raise ValueError(f"{metric} compares floats in unit range, got {kind}")
    height, width = shape[1:3]
    if min(height, width) < smallest_side:
        raise ValueError(
            f"{metric} needs images of at least {smallest_side}x{smallest_side} pixels, "
            f"got {height}x{width}"
        )
    return images, references
