"""Loss terms: functions of arrays of any float dtype, computed in float32.

Each returns a float32 scalar. The caller weights terms and averages over discriminators.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import optax

from cinegan_jax.core.types import Images, Scalar
from cinegan_jax.ops.colour import srgb_to_lab
from cinegan_jax.ops.images import to_unit

_LAB_ROUNDING = 0.1
"""Delta E below which `lab` is nearly a parabola, so that its gradient is continuous at zero."""


def hinge_discriminator(real_logits: jax.Array, fake_logits: jax.Array) -> Scalar:
    """Hinge loss of the discriminator (arXiv 1705.02894, 1802.05957).

    mean max(0, 1 - D(real)) + mean max(0, 1 + D(fake)).

    Args:
        real_logits: patch logits of any shape.
        fake_logits: patch logits of any shape.
    """
    real = jnp.mean(jax.nn.relu(1.0 - _float32(real_logits)))
    fake = jnp.mean(jax.nn.relu(1.0 + _float32(fake_logits)))
    return real + fake


def hinge_generator(fake_logits: jax.Array) -> Scalar:
    """Hinge loss of the generator, -mean D(fake) (arXiv 1705.02894)."""
    return -jnp.mean(_float32(fake_logits))


def least_squares(logits: jax.Array, labels: jax.Array) -> Scalar:
    """Least-squares loss: half the mean of (D - label)**2 (LSGAN, arXiv 1611.04076, eq. 9).

    Args:
        logits: patch logits [n, ...].
        labels: target value for each image's logits, [n].
    """
    return jnp.mean(jnp.square(_float32(logits) - _per_patch(labels, logits))) / 2


def logistic(logits: jax.Array, labels: jax.Array) -> Scalar:
    """Mean cross-entropy of sigmoid(D) and labels from 0 to 1 (arXiv 1406.2661).

    Args:
        logits: patch logits [n, ...].
        labels: target probability that each image is real, [n].
    """
    logits = _float32(logits)
    return jnp.mean(optax.sigmoid_binary_cross_entropy(logits, _per_patch(labels, logits)))


def _per_patch(labels: jax.Array, logits: jax.Array) -> jax.Array:
    """Broadcast labels [n] to the shape of the logits [n, ...], in float32."""
    return jnp.broadcast_to(
        jnp.expand_dims(_float32(labels), tuple(range(1, logits.ndim))), logits.shape
    )


def squared_slope(slopes: jax.Array) -> Scalar:
    """Mean over images of |slope|**2, for gradients [n, ...] of the logits by the input.

    With weight gamma / 2 this is the R1 penalty (arXiv 1801.04406, eq. 9).
    """
    return jnp.sum(jnp.square(_float32(slopes))) / len(slopes)


def feature_matching(
    real_features: Sequence[jax.Array], fake_features: Sequence[jax.Array]
) -> Scalar:
    """Feature matching: sum over layers of mean |f(real) - f(fake)| (arXiv 1711.11585, eq. 4).

    Args:
        real_features: the discriminator's features of the real pair, one array per layer.
        fake_features: those of the fake pair, in the same order and shapes.
    """
    pairs = zip(real_features, fake_features, strict=True)
    return sum((l1(real, fake) for real, fake in pairs), start=jnp.zeros((), jnp.float32))


def perceptual(target_features: jax.Array, fake_features: jax.Array) -> Scalar:
    """Perceptual loss: L1 distance of VGG19 features [n, h, w, c] (arXiv 1603.08155)."""
    return l1(target_features, fake_features)


def total_variation(images: Images) -> Scalar:
    """Anisotropic total variation, mean |dx| + mean |dy|, of images [n, h, w, c]."""
    images = _float32(images)
    across = jnp.mean(jnp.abs(images[:, :, 1:] - images[:, :, :-1]))
    down = jnp.mean(jnp.abs(images[:, 1:] - images[:, :-1]))
    return across + down


def l1(a: jax.Array, b: jax.Array) -> Scalar:
    """L1 loss: mean |a - b| of two arrays of the same shape (pix2pix, arXiv 1611.07004).

    Raises:
        ValueError: the shapes differ.
    """
    if a.shape != b.shape:
        raise ValueError(f"cannot compare shapes {a.shape} and {b.shape}")
    return jnp.mean(jnp.abs(_float32(a) - _float32(b)))


def lab(target: Images, fake: Images) -> Scalar:
    """Mean over pixels of the colour difference in CIE Lab (D65): delta E 76, smooth at zero.

    Each difference d of CIE 15 is mapped by the Charbonnier function sqrt(d**2 + r**2) - r
    (ICIP 1994) with r = 0.1. A just noticeable difference of 2.3 corresponds to about 0.03 of `l1`.

    Args:
        target: signed [n, h, w, 3].
        fake: signed [n, h, w, 3]; sRGB's curve is continued outside the range.
    """
    difference = jnp.asarray(srgb_to_lab(to_unit(target)) - srgb_to_lab(to_unit(fake)))
    squares = jnp.sum(jnp.square(difference), axis=-1)
    return jnp.mean(jnp.sqrt(squares + _LAB_ROUNDING**2)) - _LAB_ROUNDING


def histogram(target: Images, fake: Images) -> Scalar:
    """Wasserstein-1 distance between the value distributions of each channel and image.

    This is the earth mover's distance of histograms as in DeepHist (arXiv 2005.03995), but of
    single values instead of bins: the mean distance of the sorted values. It is averaged over
    channels and images, so that it is never more than `l1`, in the same unit.

    Args:
        target: signed [n, h, w, 3].
        fake: signed [n, h, w, 3].
    """
    return l1(_sorted_values(target), _sorted_values(fake))


def _sorted_values(images: Images) -> jax.Array:
    """Sort the values of each channel: [n, h, w, c] to [n, c, h * w]."""
    n, h, w, c = images.shape
    return jnp.sort(jnp.reshape(jnp.moveaxis(_float32(images), -1, 1), (n, c, h * w)), axis=-1)


def _float32(values: Images) -> jax.Array:
    return jnp.asarray(values).astype(jnp.float32)
