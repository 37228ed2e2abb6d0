"""DiffAugment: differentiable augmentation of discriminator inputs (arXiv 2006.10738).

Real and generated images are augmented alike, so that a discriminator cannot memorise a small set
and the generator does not learn the augmentations. Amounts are those of the paper's code for signed
images. Pixels that are cut out or moved in from outside are 0, mid-grey.
"""

from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp

MAX_TRANSLATION = 1 / 8
"""Maximum `translation`, as a fraction of the image side."""
CUTOUT_SIZE = 1 / 2
"""Side of the rectangle of `cutout`, as a fraction of the image side."""


def diff_augment(images: jax.Array, keys: jax.Array, policies: Sequence[str]) -> jax.Array:
    """Apply augmentation policies in the given order; equal keys give equal augmentations.

    Args:
        images: signed [n, h, w, 3].
        keys: random keys [n], one per image.
        policies: names in `POLICIES`.

    Returns:
        The augmented images, [n, h, w, 3].
    """
    for number, policy in enumerate(policies):
        drawn = jax.vmap(jax.random.fold_in, in_axes=(0, None))(keys, number)
        images = jax.vmap(POLICIES[policy])(images, drawn)
    return images


def colour(image: jax.Array, key: jax.Array) -> jax.Array:
    """Shift brightness by up to 0.5; scale saturation by 0 to 2 and contrast by 0.5 to 1.5."""
    brightness, saturation, contrast = jax.random.uniform(key, (3,))
    image = image + (brightness - 0.5)
    grey = jnp.mean(image, axis=-1, keepdims=True)
    image = grey + (image - grey) * (2 * saturation)
    mean = jnp.mean(image)
    return mean + (image - mean) * (contrast + 0.5)


def translation(image: jax.Array, key: jax.Array) -> jax.Array:
    """Move the image by whole pixels along both axes, at most by `MAX_TRANSLATION` of the side."""
    reach = [round(side * MAX_TRANSLATION) for side in image.shape[:2]]
    padded = jnp.pad(image, [*((pixels, pixels) for pixels in reach), (0, 0)])
    first = jax.random.randint(key, (2,), 0, 2 * jnp.array(reach) + 1)
    return jax.lax.dynamic_slice(padded, (*first, 0), image.shape)


def cutout(image: jax.Array, key: jax.Array) -> jax.Array:
    """Fill a rectangle of `CUTOUT_SIZE` of each side, centred anywhere in the image, with grey."""
    hole = jnp.ones((1, 1), bool)
    for axis, side in enumerate(image.shape[:2]):
        size = round(side * CUTOUT_SIZE)
        centre = jax.random.randint(jax.random.fold_in(key, axis), (), 0, side + 1 - size % 2)
        first = centre - size // 2
        places = jnp.arange(side)
        within = (places >= first) & (places < first + size)
        hole &= jnp.expand_dims(within, 1 - axis)
    return jnp.where(hole[:, :, None], 0.0, image)


POLICIES: Mapping[str, Callable[[jax.Array, jax.Array], jax.Array]] = {
    "colour": colour,
    "translation": translation,
    "cutout": cutout,
}
"""Augmentations by name; each takes one image [h, w, 3] and one random key."""
