"""Quick evaluation on a few held-out pairs, for periodic use during training."""

from collections.abc import Callable, Iterable, Iterator

import jax
import jax.numpy as jnp
import numpy as np

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.types import Images
from cinegan_jax.data.pairs import Pair
from cinegan_jax.data.transforms import squash
from cinegan_jax.metrics.delta_e import delta_e_76
from cinegan_jax.metrics.psnr_ssim import psnr
from cinegan_jax.ops.images import to_unit

Fit = Callable[[np.ndarray, int], np.ndarray]
"""Function from an image, uint8 [h, w, 3], and a size to uint8 [size, size, 3]."""


class QuickEvaluator:
    """Evaluator of a generator on held-out pairs, brought to one size and kept on the device.

    Attributes:
        inputs: uint8 [n, size, size, 3].
        targets: uint8 [n, size, size, 3].
        clean: the targets without grain, uint8 [n, size, size, 3], if known for all pairs.
    """

    def __init__(self, pairs: Iterable[Pair], size: int, fit: Fit = squash):
        """Fit all images of the pairs to size x size.

        Raises:
            UserError: there is no pair.
        """
        pairs = list(pairs)
        if not pairs:
            raise UserError("no held-out pair could be read: check the test split of config.data")
        self.inputs = _stack([pair.input for pair in pairs], size, fit)
        self.targets = _stack([pair.target for pair in pairs], size, fit)
        clean = [pair.clean for pair in pairs if pair.clean is not None]
        self.clean = _stack(clean, size, fit) if len(clean) == len(pairs) else None

    def __call__(self, generate: Callable[[Images], Images]) -> Iterator[tuple[str, float]]:
        """Yield (name, mean over the pairs): `psnr`, `delta_e`, then both with `_clean`.

        Args:
            generate: uint8 [n, size, size, 3] to the same, on the device; called once.
        """
        images = generate(self.inputs)
        yield from _means(images, self.targets, "")
        if self.clean is not None:
            yield from _means(images, self.clean, "_clean")


def _stack(images: list[np.ndarray], size: int, fit: Fit) -> jax.Array:
    return jnp.asarray(np.stack([fit(image, size) for image in images]))


def _means(images: Images, references: Images, suffix: str) -> Iterator[tuple[str, float]]:
    yield f"psnr{suffix}", float(_psnr(images, references))
    yield f"delta_e{suffix}", float(_delta_e(images, references))


@jax.jit
def _psnr(images: jax.Array, references: jax.Array) -> jax.Array:
    return jnp.mean(psnr(to_unit(images), to_unit(references)))


@jax.jit
def _delta_e(images: jax.Array, references: jax.Array) -> jax.Array:
    return jnp.mean(delta_e_76(to_unit(images), to_unit(references)))
