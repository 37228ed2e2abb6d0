"""Perceptual colour differences: CIE 1976 delta E and CIEDE2000."""

import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from cinegan_jax.core.types import Array, Images
from cinegan_jax.metrics.image_checks import checked_images
from cinegan_jax.ops.colour import srgb_to_lab


@functools.partial(jax.jit, static_argnames="ignore_nans")
def delta_e_76(images: Images, references: Images, *, ignore_nans: bool = False) -> jax.Array:
    """Compute CIE 1976 delta E: the mean over pixels of the distance in CIE Lab (D65).

    About 2.3 is just noticeable.

    Args:
        images: unit [n, h, w, 3], sRGB-encoded.
        references: unit [n, h, w, 3], sRGB-encoded.
        ignore_nans: leave out pixels that are NaN, such as padding, instead of scoring NaN.

    Returns:
        float [n].

    Raises:
        ValueError: as `checked_images`.
    """
    return _mean(_euclidean, checked_images("delta E 76", images, references), ignore_nans)


@functools.partial(jax.jit, static_argnames="ignore_nans")
def delta_e_2000(images: Images, references: Images, *, ignore_nans: bool = False) -> jax.Array:
    """Compute CIEDE2000: the mean over pixels of `ciede2000` under D65.

    About 1 is just noticeable. Arguments, result and errors are those of `delta_e_76`.
    """
    return _mean(ciede2000, checked_images("delta E 2000", images, references), ignore_nans)


def ciede2000(labs: Array, references: Array) -> Array:
    """Compute the CIEDE2000 difference of colours, with weights kL = kC = kH = 1.

    The formula is that of Sharma, Wu and Dalal (Color Research and Application 30, 2005). Where a
    chroma is zero, the difference in hue is zero too.

    Args:
        labs: CIE L*a*b* [..., 3], numpy or jax; L is 0..100.
        references: of the same shape and kind.

    Returns:
        [...] of the same kind, zero or more.
    """
    xp = labs.__array_namespace__()
    lightness, chroma, hue = _polar(labs, references)
    reference_lightness, reference_chroma, reference_hue = _polar(references, labs)
    hue_step = _wrapped(reference_hue - hue)
    mean_lightness = (lightness + reference_lightness) / 2
    mean_chroma = (chroma + reference_chroma) / 2
    mean_hue = xp.mod(hue + hue_step / 2, 2 * math.pi)  # on the shorter arc

    off_grey = xp.square(mean_lightness - 50)
    lightness_term = (reference_lightness - lightness) / (
        1 + 0.015 * off_grey / xp.sqrt(20 + off_grey)
    )
    chroma_term = (reference_chroma - chroma) / (1 + 0.045 * mean_chroma)
    hue_chord = 2 * xp.sqrt(chroma * reference_chroma) * xp.sin(hue_step / 2)
    hue_term = hue_chord / (1 + 0.015 * mean_chroma * _hue_weight(mean_hue))
    rotation = -2 * _saturating(mean_chroma) * xp.sin(2 * _blue_turn(mean_hue))
    squares = xp.square(lightness_term) + xp.square(chroma_term) + xp.square(hue_term)
    return xp.sqrt(xp.maximum(squares + rotation * chroma_term * hue_term, 0))


def _polar(labs: Array, others: Array) -> tuple[Array, Array, Array]:
    """Return L', C' and h' (0 to 2 pi) of `labs`; both colours' chromas set the stretch of a*."""
    xp = labs.__array_namespace__()
    both = xp.hypot(labs[..., 1], labs[..., 2]) + xp.hypot(others[..., 1], others[..., 2])
    a = labs[..., 1] * (1.5 - 0.5 * _saturating(both / 2))
    b = labs[..., 2]
    return labs[..., 0], xp.hypot(a, b), xp.mod(xp.arctan2(b, a), 2 * math.pi)


def _saturating(chroma: Array) -> Array:
    """Return 0 for grey, rising to 1 beyond a chroma of 25."""
    xp = chroma.__array_namespace__()
    power = chroma**7
    return xp.sqrt(power / (power + 25.0**7))


def _wrapped(angle: Array) -> Array:
    """Wrap an angle between -2 pi and 2 pi to between -pi and pi."""
    xp = angle.__array_namespace__()
    turn = 2 * math.pi
    return xp.where(angle > math.pi, angle - turn, xp.where(angle < -math.pi, angle + turn, angle))


def _hue_weight(hue: Array) -> Array:
    """Return T of the formula; `hue` is in radians."""
    xp = hue.__array_namespace__()
    return (
        1
        - 0.17 * xp.cos(hue - math.radians(30))
        + 0.24 * xp.cos(2 * hue)
        + 0.32 * xp.cos(3 * hue + math.radians(6))
        - 0.20 * xp.cos(4 * hue - math.radians(63))
    )


def _blue_turn(hue: Array) -> Array:
    """Return the formula's delta theta in radians: up to 30 degrees near a hue of 275 degrees."""
    xp = hue.__array_namespace__()
    return math.radians(30) * xp.exp(-xp.square((hue - math.radians(275)) / math.radians(25)))


def _euclidean(labs: Array, references: Array) -> Array:
    xp = labs.__array_namespace__()
    return xp.sqrt(xp.sum(xp.square(labs - references), axis=-1))


def _mean(
    difference: Callable[[Array, Array], Array],
    pair: tuple[jax.Array, jax.Array],
    ignore_nans: bool,
) -> jax.Array:
    images, references = pair
    distance = difference(srgb_to_lab(images), srgb_to_lab(references))
    # Set explicitly: on a CPU, XLA's maximum of NaN and a number may be the number.
    distance = jnp.where(jnp.isnan(images + references).any(axis=-1), jnp.nan, distance)
    mean = jnp.nanmean if ignore_nans else jnp.mean
    return mean(distance, axis=(-2, -1))
