"""CineGAN's loss terms: functions of arrays of any float dtype, computed in float32.

Each returns a float32 scalar. Averages and weights over several discriminators are the caller's.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import optax

from cinegan_jax.core.types import Images, Scalar
from cinegan_jax.ops.colour import srgb_to_lab
from cinegan_jax.ops.images import to_unit

LAB_ROUNDING = 0.1
"""Delta E below which `lab` is a parabola, so that its gradient has no jump at equal colours."""


def hinge_discriminator(real_logits: jax.Array, fake_logits: jax.Array) -> Scalar:
    """mean max(0, 1 - D(real)) + mean max(0, 1 + D(fake)) (arXiv 1705.02894, 1802.05957).

    Args:
        real_logits: patch logits of any shape.
        fake_logits: patch logits of any shape.
    """
    real = jnp.mean(jax.nn.relu(1.0 - _float32(real_logits)))
    fake = jnp.mean(jax.nn.relu(1.0 + _float32(fake_logits)))
    return real + fake


def hinge_generator(fake_logits: jax.Array) -> Scalar:
    """-mean D(fake), the generator's side of the hinge loss (arXiv 1705.02894)."""
    return -jnp.mean(_float32(fake_logits))


def least_squares(logits: jax.Array, labels: jax.Array) -> Scalar:
    """Half the mean of (D - label)**2 (LSGAN, arXiv 1611.04076, eq. 9).

    Args:
        logits: patch logits [n, ...].
        labels: what each picture's are to be, [n].
    """
    return jnp.mean(jnp.square(_float32(logits) - _of_patches(labels, logits))) / 2


def logistic(logits: jax.Array, labels: jax.Array) -> Scalar:
    """Mean cross-entropy of sigmoid(D) against labels of 0 to 1 (arXiv 1406.2661).

    Args:
        logits: patch logits [n, ...].
        labels: the probability that each picture is real, [n].
    """
    logits = _float32(logits)
    return jnp.mean(optax.sigmoid_binary_cross_entropy(logits, _of_patches(labels, logits)))


def _of_patches(labels: jax.Array, logits: jax.Array) -> jax.Array:
    """[n] as [n, 1, ...] of the logits' rank, float32."""
    return jnp.broadcast_to(
        jnp.expand_dims(_float32(labels), tuple(range(1, logits.ndim))), logits.shape
    )


def squared_slope(slopes: jax.Array) -> Scalar:
    """Return the mean over images of |slope|**2, for gradients [n, ...] of logits by the input.

    With the weight gamma / 2 it is R1 (arXiv 1801.04406, eq. 9).
    """
    return jnp.sum(jnp.square(_float32(slopes))) / len(slopes)


def feature_matching(
    real_features: Sequence[jax.Array], fake_features: Sequence[jax.Array]
) -> Scalar:
    """Sum over layers of mean |f(real) - f(fake)| (pix2pixHD, arXiv 1711.11585, eq. 4).

    Args:
        real_features: the discriminator's features of the real pair, one array a layer.
        fake_features: the same of the fake pair, in the same order and shapes.
    """
    pairs = zip(real_features, fake_features, strict=True)
    return sum((l1(real, fake) for real, fake in pairs), start=jnp.zeros((), jnp.float32))


def perceptual(target_features: jax.Array, fake_features: jax.Array) -> Scalar:
    """mean |phi(target) - phi(fake)| of VGG19 features [n, h, w, c] (arXiv 1603.08155)."""
    return l1(target_features, fake_features)


def total_variation(images: Images) -> Scalar:
    """mean |dx| + mean |dy| of pictures [n, h, w, c]: anisotropic total variation."""
    images = _float32(images)
    across = jnp.mean(jnp.abs(images[:, :, 1:] - images[:, :, :-1]))
    down = jnp.mean(jnp.abs(images[:, 1:] - images[:, :-1]))
    return across + down


def l1(a: jax.Array, b: jax.Array) -> Scalar:
    """mean |a - b| of two arrays of one shape (pix2pix, arXiv 1611.07004).

    Raises:
        ValueError: the shapes differ.
    """
    if a.shape != b.shape:
        raise ValueError(f"cannot compare shapes {a.shape} and {b.shape}")
    return jnp.mean(jnp.abs(_float32(a) - _float32(b)))


def lab(target: Images, fake: Images) -> Scalar:
    """Mean over pixels of the distance in CIE Lab (D65): delta E 76, rounded off near zero.

    sqrt(d**2 + r**2) - r with r = `LAB_ROUNDING`, the Charbonnier function (ICIP 1994), of the
    distance d of CIE 15. A just noticeable 2.3 is some 0.03 of `l1`.

    Args:
        target: signed [n, h, w, 3].
        fake: signed [n, h, w, 3]; what lies outside the range continues sRGB's curve.
    """
    difference = jnp.asarray(srgb_to_lab(to_unit(target)) - srgb_to_lab(to_unit(fake)))
    squares = jnp.sum(jnp.square(difference), axis=-1)
    return jnp.mean(jnp.sqrt(squares + LAB_ROUNDING**2)) - LAB_ROUNDING


def histogram(target: Images, fake: Images) -> Scalar:
    """Wasserstein-1 distance of each channel's values in a picture, wherever in it they are.

    The earth mover's distance of histograms as a loss, as DeepHist has it (arXiv 2005.03995), but
    of single values instead of bins: the mean distance of the sorted values. Mean over channels and
    pictures, so never more than `l1`, and in the same unit.

    Args:
        target: signed [n, h, w, 3].
        fake: signed [n, h, w, 3].
    """
    return l1(_sorted_values(target), _sorted_values(fake))


def _sorted_values(images: Images) -> jax.Array:
    """[n, h, w, c] to [n, c, h * w]."""
    n, h, w, c = images.shape
    return jnp.sort(jnp.reshape(jnp.moveaxis(_float32(images), -1, 1), (n, c, h * w)), axis=-1)


def _float32(values: Images) -> jax.Array:
    return jnp.asarray(values).astype(jnp.float32)
