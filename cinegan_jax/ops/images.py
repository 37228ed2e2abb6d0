"""Conversions of range, size and layout of images [n, h, w, c]."""

import jax
import jax.numpy as jnp
import numpy as np

from cinegan_jax.core.types import Images


def to_signed(images: Images) -> jax.Array:
    """Convert uint8 images of any shape to float32 in signed range."""
    _check_uint8(images)
    return jnp.asarray(images).astype(jnp.float32) / 127.5 - 1.0


def to_unit(images: Images) -> jax.Array:
    """Convert images of any shape, uint8 or signed floats, to float32 unit range, unclipped."""
    images = jnp.asarray(images)
    if images.dtype == jnp.uint8:
        return images.astype(jnp.float32) / 255.0
    return (images.astype(jnp.float32) + 1.0) / 2.0


def to_uint8(images: Images) -> jax.Array:
    """Convert signed floats of any shape to uint8, rounded to the nearest level and clipped."""
    levels = (jnp.asarray(images).astype(jnp.float32) + 1.0) * 127.5
    return jnp.clip(jnp.round(levels), 0.0, 255.0).astype(jnp.uint8)


def white_level(dtype: np.dtype) -> np.float32:
    """Return the value of white: the largest value of an integer type, 1 for unit floats."""
    return np.float32(1 if dtype.kind == "f" else np.iinfo(dtype).max)


def half_size(images: Images) -> jax.Array:
    """Halve floats [n, h, w, c] to [n, h/2, w/2, c] by the mean of each 2x2 square.

    For even sizes this equals bilinear resizing by one half without antialiasing.

    Raises:
        ValueError: h or w is odd.
    """
    _, h, w, _ = images.shape
    if h % 2 or w % 2:
        raise ValueError(f"half_size needs an even height and width, got shape {images.shape}")
    square = (1, 2, 2, 1)
    return jax.lax.reduce_window(images, 0.0, jax.lax.add, square, square, "VALID") / 4


def pixel_shuffle(features: jax.Array, factor: int = 2) -> jax.Array:
    """Rearrange channels to pixels: [n, h, w, c * factor**2] to [n, h * factor, w * factor, c].

    Sub-pixel convolution (Shi et al., arXiv 1609.05158) in the channel order of TensorFlow's
    depth_to_space: row within the square first, then column, then output channel.

    Raises:
        ValueError: the number of channels is not a multiple of factor**2.
    """
    n, h, w, channels = features.shape
    c, rest = divmod(channels, factor**2)
    if rest:
        raise ValueError(
            f"pixel_shuffle needs channels in multiples of {factor**2}, got shape {features.shape}"
        )
    squares = jnp.reshape(features, (n, h, w, factor, factor, c))
    return jnp.reshape(jnp.transpose(squares, (0, 1, 3, 2, 4, 5)), (n, h * factor, w * factor, c))


def _check_uint8(images: Images) -> None:
    if images.dtype != jnp.uint8:
        raise TypeError(f"expected uint8 images, got {images.dtype}")
