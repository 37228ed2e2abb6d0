"""DiffAugment: differentiable augmentation of discriminator inputs (arXiv 2006.10738).

Real and generated images are changed alike, so a discriminator cannot learn a small set by
heart, and the generator does not learn the changes. Amounts are those of the paper's code for
signed pictures; what is moved in or cut out is 0, mid grey.
"""

from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp

SHIFT = 1 / 8
"""Of a side: the farthest `translation`."""
HOLE = 1 / 2
"""Of a side: the square of `cutout`."""


def diff_augment(images: jax.Array, keys: jax.Array, policies: Sequence[str]) -> jax.Array:
    """Pictures after the policies, in the order given; the same keys give the same changes.

    Args:
        images: signed [n, h, w, 3].
        keys: random keys [n], one a picture.
        policies: names in `POLICIES`.
    """
    for number, policy in enumerate(policies):
        drawn = jax.vmap(jax.random.fold_in, in_axes=(0, None))(keys, number)
        images = jax.vmap(POLICIES[policy])(images, drawn)
    return images


def colour(image: jax.Array, key: jax.Array) -> jax.Array:
    """Brightness by up to 0.5 either way, saturation by 0 to 2, contrast by 0.5 to 1.5."""
    brightness, saturation, contrast = jax.random.uniform(key, (3,))
    image = image + (brightness - 0.5)
    grey = jnp.mean(image, axis=-1, keepdims=True)
    image = grey + (image - grey) * (2 * saturation)
    mean = jnp.mean(image)
    return mean + (image - mean) * (contrast + 0.5)


def translation(image: jax.Array, key: jax.Array) -> jax.Array:
    """Moved by whole pixels along both sides, up to `SHIFT` of them."""
    reach = [round(side * SHIFT) for side in image.shape[:2]]
    padded = jnp.pad(image, [*((pixels, pixels) for pixels in reach), (0, 0)])
    first = jax.random.randint(key, (2,), 0, 2 * jnp.array(reach) + 1)
    return jax.lax.dynamic_slice(padded, (*first, 0), image.shape)


def cutout(image: jax.Array, key: jax.Array) -> jax.Array:
    """A square of `HOLE` of each side, centred anywhere in the picture, is made mid grey."""
    hole = jnp.ones((1, 1), bool)
    for axis, side in enumerate(image.shape[:2]):
        size = round(side * HOLE)
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
"""Each takes one picture [h, w, 3] and one key."""
