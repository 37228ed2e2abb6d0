"""Colour space conversions for numpy and JAX arrays; the result is of the argument's kind.

The module does not import JAX, so that the film renderer's worker processes start fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cinegan_jax.core.types import Array

SRGB_TO_XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
"""Matrix from linear sRGB to CIE XYZ, from the chromaticities in IEC 61966-2-1."""
D65 = (0.95047, 1.0, 1.08883)
"""CIE XYZ of the white of sRGB, D65 for the 2 degree observer."""


def srgb_to_linear(images: Array) -> Array:
    """Convert sRGB-encoded unit values of any shape to linear light (IEC 61966-2-1)."""
    xp = images.__array_namespace__()
    bright = ((xp.maximum(images, 0.04045) + 0.055) / 1.055) ** 2.4
    return xp.where(images <= 0.04045, images / 12.92, bright)


def linear_to_srgb(images: Array) -> Array:
    """Convert linear light of any shape to sRGB encoding; the inverse of `srgb_to_linear`."""
    xp = images.__array_namespace__()
    bright = 1.055 * xp.maximum(images, 0.0031308) ** (1 / 2.4) - 0.055
    return xp.where(images <= 0.0031308, images * 12.92, bright)


def luminance(images: Array) -> Array:
    """Return the relative luminance Y, 0 to 1, of linear light: [..., 3] to [...]."""
    return _weighted(images, SRGB_TO_XYZ[1])


def srgb_to_lab(images: Array) -> Array:
    """Convert sRGB-encoded unit [..., 3] to CIE 1976 L*a*b* under D65; L is 0..100."""
    xp = images.__array_namespace__()
    linear = srgb_to_linear(images)
    rows = zip(SRGB_TO_XYZ, D65, strict=True)
    x, y, z = (_lab_response(_weighted(linear, row) / white) for row, white in rows)
    return xp.stack([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)], axis=-1)


def _lab_response(t: Array) -> Array:
    xp = t.__array_namespace__()
    edge = 6 / 29
    root = xp.maximum(t, edge**3) ** (1 / 3)
    return xp.where(t > edge**3, root, t / (3 * edge**2) + 4 / 29)


def _weighted(images: Array, weights: tuple[float, ...]) -> Array:
    red, green, blue = weights
    return red * images[..., 0] + green * images[..., 1] + blue * images[..., 2]
