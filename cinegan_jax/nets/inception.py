"""The Inception network of the Fréchet Inception distance (FID), up to its 2048 pool3 features.

It is the TensorFlow graph of 2015-12-05 that Heusel et al. used (arXiv 1706.08500), not
torchvision's Inception v3: it has 1008 classes, average pools that exclude padding, and a max pool
in the last block. A score by any other network is not FID.

`cinegan convert inception` makes the file of its weights, with batch norm folded into the kernels.
"""

import functools
import os
from collections.abc import Callable, Mapping
from typing import cast

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from cinegan_jax.core.types import Array, Images, Params
from cinegan_jax.nets.weights_file import WeightsFormat, check_shapes, read_weights

INPUT_SIZE = 299
"""Side of the square images that the network takes."""
FEATURES = 2048
"""Number of features of an image."""
INCEPTION_FORMAT = WeightsFormat("cinegan-inception", "1")

_HOW_TO_MAKE = (
    "Make the file from pytorch-fid's pt_inception-2015-12-05-6726825d.pth with "
    "`cinegan convert inception FILE -o PATH`."
)

_Layer = tuple[str, int, int | tuple[int, int]]
"""Name (that of pytorch-fid), channels and kernel of a convolution."""


class InceptionPool3(nn.Module):
    """Inception up to pool3: unit images [n, 299, 299, 3] to float32 features [n, 2048].

    Convolutions run in full float32, also on devices that default to fewer bits. See
    `resize_for_inception` for images of other sizes.
    """

    @nn.compact
    def __call__(self, images: Images) -> jax.Array:
        x = (255.0 * jnp.asarray(images, jnp.float32) - 128.0) / 128.0
        x = _convolution(x, ("Conv2d_1a_3x3", 32, 3), stride=2)
        x = _convolution(x, ("Conv2d_2a_3x3", 32, 3), padding="VALID")
        x = _convolution(x, ("Conv2d_2b_3x3", 64, 3))
        x = _halving_max_pool(x)
        x = _convolution(x, ("Conv2d_3b_1x1", 80, 1))
        x = _convolution(x, ("Conv2d_4a_3x3", 192, 3), padding="VALID")
        x = _halving_max_pool(x)
        for name, pool_channels in (("5b", 32), ("5c", 64), ("5d", 64)):
            x = BlockA(pool_channels, name=f"Mixed_{name}")(x)
        x = BlockB(name="Mixed_6a")(x)
        for name, channels in (("6b", 128), ("6c", 160), ("6d", 160), ("6e", 192)):
            x = BlockC(channels, name=f"Mixed_{name}")(x)
        x = BlockD(name="Mixed_7a")(x)
        x = BlockE(_average_pool, name="Mixed_7b")(x)
        x = BlockE(_max_pool, name="Mixed_7c")(x)
        return jnp.mean(x, axis=(1, 2))


class BlockA(nn.Module):
    """Inception block A: [n, 35, 35, c] to [n, 35, 35, 224 + pool_channels]."""

    pool_channels: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        branches = (
            _chain(x, ("branch1x1", 64, 1)),
            _chain(x, ("branch5x5_1", 48, 1), ("branch5x5_2", 64, 5)),
            _chain(
                x, ("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3), ("branch3x3dbl_3", 96, 3)
            ),
            _chain(_average_pool(x), ("branch_pool", self.pool_channels, 1)),
        )
        return jnp.concatenate(branches, -1)


class BlockB(nn.Module):
    """Inception block B: [n, 35, 35, 288] to [n, 17, 17, 768]."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        branches = (
            _chain(x, ("branch3x3", 384, 3), stride=2),
            _chain(
                x,
                ("branch3x3dbl_1", 64, 1),
                ("branch3x3dbl_2", 96, 3),
                ("branch3x3dbl_3", 96, 3),
                stride=2,
            ),
            _halving_max_pool(x),
        )
        return jnp.concatenate(branches, -1)


class BlockC(nn.Module):
    """Inception block C: [n, 17, 17, 768] to the same; 7x7 kernels as 1x7 and 7x1.

    Attributes:
        channels: within the branches of these kernels.
    """

    channels: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        c, row, column = self.channels, (1, 7), (7, 1)
        branches = (
            _chain(x, ("branch1x1", 192, 1)),
            _chain(x, ("branch7x7_1", c, 1), ("branch7x7_2", c, row), ("branch7x7_3", 192, column)),
            _chain(
                x,
                ("branch7x7dbl_1", c, 1),
                ("branch7x7dbl_2", c, column),
                ("branch7x7dbl_3", c, row),
                ("branch7x7dbl_4", c, column),
                ("branch7x7dbl_5", 192, row),
            ),
            _chain(_average_pool(x), ("branch_pool", 192, 1)),
        )
        return jnp.concatenate(branches, -1)


class BlockD(nn.Module):
    """Inception block D: [n, 17, 17, 768] to [n, 8, 8, 1280]."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        branches = (
            _chain(x, ("branch3x3_1", 192, 1), ("branch3x3_2", 320, 3), stride=2),
            _chain(
                x,
                ("branch7x7x3_1", 192, 1),
                ("branch7x7x3_2", 192, (1, 7)),
                ("branch7x7x3_3", 192, (7, 1)),
                ("branch7x7x3_4", 192, 3),
                stride=2,
            ),
            _halving_max_pool(x),
        )
        return jnp.concatenate(branches, -1)


class BlockE(nn.Module):
    """Inception block E: [n, 8, 8, c] to [n, 8, 8, 2048].

    Attributes:
        pool: of the pooling branch; the graph's two blocks differ in it.
    """

    pool: Callable[[jax.Array], jax.Array]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        middle = _chain(x, ("branch3x3_1", 384, 1))
        deep = _chain(x, ("branch3x3dbl_1", 448, 1), ("branch3x3dbl_2", 384, 3))
        branches = (
            _chain(x, ("branch1x1", 320, 1)),
            _chain(middle, ("branch3x3_2a", 384, (1, 3))),
            _chain(middle, ("branch3x3_2b", 384, (3, 1))),
            _chain(deep, ("branch3x3dbl_3a", 384, (1, 3))),
            _chain(deep, ("branch3x3dbl_3b", 384, (3, 1))),
            _chain(self.pool(x), ("branch_pool", 192, 1)),
        )
        return jnp.concatenate(branches, -1)


def _chain(x: jax.Array, *layers: _Layer, stride: int = 1) -> jax.Array:
    """Apply convolutions in sequence; only the last one has the stride."""
    *first, last = layers
    for layer in first:
        x = _convolution(x, layer)
    return _convolution(x, last, stride=stride)


def _convolution(
    x: jax.Array, layer: _Layer, *, stride: int = 1, padding: str | None = None
) -> jax.Array:
    """Apply a convolution and ReLU; with a stride, without padding unless given."""
    name, channels, kernel = layer
    convolution = nn.Conv(
        channels,
        (kernel, kernel) if isinstance(kernel, int) else kernel,
        strides=stride,
        padding=padding or ("SAME" if stride == 1 else "VALID"),
        precision=jax.lax.Precision.HIGHEST,
        name=name,
    )
    return nn.relu(convolution(x))


def _halving_max_pool(x: jax.Array) -> jax.Array:
    return nn.max_pool(x, (3, 3), strides=(2, 2))


def _max_pool(x: jax.Array) -> jax.Array:
    return nn.max_pool(x, (3, 3), padding="SAME")


def _average_pool(x: jax.Array) -> jax.Array:
    return nn.avg_pool(x, (3, 3), padding="SAME", count_include_pad=False)


def resize_for_inception(images: Images, size: int = INPUT_SIZE) -> Array:
    """Resize images to the network's square input as TensorFlow 1's `resize_bilinear` does.

    Heusel et al. prepare images this way: pixel corners instead of centres are aligned, the aspect
    ratio is not kept, and nothing is averaged where images shrink, so that fine patterns alias
    (Parmar, Zhang and Zhu, arXiv 2104.11222).

    Args:
        images: floats or uint8 [..., h, w, 3], numpy or JAX.
        size: of both sides of the result, in pixels.

    Returns:
        float32 [..., size, size, 3] of the same kind and range.
    """
    top, bottom, down = _neighbours(images.shape[-3], size)
    rows = _between(images[..., top, :, :], images[..., bottom, :, :], down[:, None, None])
    left, right, along = _neighbours(images.shape[-2], size)
    return _between(rows[..., left, :], rows[..., right, :], along[:, None])


def _neighbours(old: int, new: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the old pixels before and after each new one, and the weight of the latter: [new]."""
    places = np.arange(new, dtype=np.float32) * np.float32(old / new)
    before = places.astype(int)
    return before, np.minimum(before + 1, old - 1), places - before.astype(np.float32)


def _between(first: Array, second: Array, share: np.ndarray) -> Array:
    first, second = first.astype(np.float32), second.astype(np.float32)
    return first + (second - first) * share


@functools.cache
def inception_shapes() -> Mapping[str, tuple[int, ...]]:
    """Return the shape of every array by its path, such as `Mixed_5b/branch1x1/kernel`."""
    image = jax.ShapeDtypeStruct((1, INPUT_SIZE, INPUT_SIZE, 3), jnp.float32)
    params = jax.eval_shape(InceptionPool3().init, jax.random.key(0), image)["params"]
    return {path: leaf.shape for path, leaf in flatten_dict(params, sep="/").items()}


def load_inception(path: str | os.PathLike[str]) -> Params:
    """Read the parameters of `InceptionPool3` from the file of `cinegan convert inception`.

    Raises:
        UserError: the file is missing, damaged or of another kind; the message says how to make
            one.
    """
    arrays, _ = read_weights(path, "Inception", INCEPTION_FORMAT, _HOW_TO_MAKE)
    shapes = inception_shapes()
    check_shapes(arrays, shapes, "Inception", path)
    return cast(Params, unflatten_dict({name: arrays[name] for name in shapes}, sep="/"))
