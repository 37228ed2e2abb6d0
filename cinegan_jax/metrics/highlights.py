"""Errors in and around the highlights alone, where a look "blooms" or burns out.

Highlights are the pixels of the reference whose linear luminance exceeds the film renderer's
threshold, one half. A pixel counts if it is a highlight, or lies at most r rows and r columns from
one, where the glow falls. r is two standard deviations of the renderer's glow, 1.2 % of the long
side, rounded up. The reference alone decides, so that all images of one photo are compared on the
same pixels.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from cinegan_jax.core.types import Images
from cinegan_jax.film.render import HALATION_THRESHOLD, FilmLook
from cinegan_jax.metrics.delta_e import delta_e_76
from cinegan_jax.metrics.image_checks import checked_images
from cinegan_jax.metrics.psnr_ssim import psnr
from cinegan_jax.ops.colour import luminance, srgb_to_linear

_REACH = 2 * FilmLook.halation_radius
"""Extent of the glow around highlights, as a share of the long side."""


@functools.partial(jax.jit, static_argnames="ignore_nans")
def psnr_highlights(images: Images, references: Images, *, ignore_nans: bool = False) -> jax.Array:
    """Compute PSNR in decibels over the pixels `near_highlights` of each reference, all channels.

    Args:
        images: unit [n, h, w, 3].
        references: unit [n, h, w, 3].
        ignore_nans: leave out pixels that are NaN, such as padding at the bottom and right,
            instead of scoring NaN.

    Returns:
        float [n]; NaN for a reference without highlights, which means must leave out.

    Raises:
        ValueError: as `checked_images`.
    """
    return _over_highlights(psnr, images, references, ignore_nans)


@functools.partial(jax.jit, static_argnames="ignore_nans")
def delta_e_highlights(
    images: Images, references: Images, *, ignore_nans: bool = False
) -> jax.Array:
    """Compute delta E 76 over the pixels `near_highlights` of each reference.

    Arguments, result and errors are those of `psnr_highlights`.
    """
    return _over_highlights(delta_e_76, images, references, ignore_nans)


def near_highlights(references: Images) -> jax.Array:
    """Return which pixels are highlights or lie near one, as defined above: bool [n, h, w].

    Args:
        references: unit [n, h, w, 3]. NaN is no highlight; rows and columns of only NaN do not
            count in the long side.
    """
    light = jnp.asarray(luminance(srgb_to_linear(jnp.asarray(references))))
    inside = ~jnp.isnan(light)
    rows, columns = (jnp.sum(jnp.any(inside, axis=axis), axis=-1) for axis in (2, 1))
    radius = jnp.ceil(_REACH * jnp.maximum(rows, columns)).astype(jnp.int32)
    highlights = light > HALATION_THRESHOLD
    return _dilate(_dilate(highlights, radius, axis=1), radius, axis=2)


def _over_highlights(
    metric: Callable[..., jax.Array], images: Images, references: Images, ignore_nans: bool
) -> jax.Array:
    pair = checked_images("highlights", images, references)
    near = near_highlights(pair[1])[..., None]
    scores = metric(*(jnp.where(near, x, jnp.nan) for x in pair), ignore_nans=True)
    if ignore_nans:
        return scores
    return jnp.where(jnp.isnan(pair[0] + pair[1]).any(axis=(1, 2, 3)), jnp.nan, scores)


def _dilate(mask: jax.Array, radius: jax.Array, axis: int) -> jax.Array:
    """Return True at most `radius` [n] places from a True along an axis of [n, h, w]."""
    length = mask.shape[axis]
    before = jnp.cumsum(mask, axis=axis, dtype=jnp.int32)
    before = jnp.concatenate(
        [jnp.zeros_like(jax.lax.slice_in_dim(before, 0, 1, axis=axis)), before], axis
    )
    shape = (1, -1, 1) if axis == 1 else (1, 1, -1)
    places, reach = jnp.arange(length).reshape(shape), radius[:, None, None]
    first = jnp.clip(places - reach, 0, length)
    after_last = jnp.clip(places + reach + 1, 0, length)
    return jnp.take_along_axis(before, after_last, axis) > jnp.take_along_axis(before, first, axis)
