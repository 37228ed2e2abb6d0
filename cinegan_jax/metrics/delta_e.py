"""Colour difference as the eye sees it."""

import jax
import jax.numpy as jnp

from cinegan_jax.ops.colour import srgb_to_lab
from cinegan_jax.types import Images


def delta_e_76(images: Images, references: Images, *, ignore_nans: bool = False) -> jax.Array:
    """CIE 1976 delta E of each picture: the mean over pixels of the distance in CIE Lab (D65).

    About 2.3 is just noticeable.

    Args:
        images: unit [n, h, w, 3], sRGB-encoded.
        references: unit [n, h, w, 3], sRGB-encoded.
        ignore_nans: leave out pixels that are NaN, such as padding, instead of scoring NaN.

    Returns:
        float [n].
    """
    difference = srgb_to_lab(jnp.asarray(images)) - srgb_to_lab(jnp.asarray(references))
    distance = jnp.sqrt(jnp.sum(jnp.square(difference), axis=-1))
    mean = jnp.nanmean if ignore_nans else jnp.mean
    return mean(distance, axis=(-2, -1))
