"""AlexNet and VGG16 up to the layers that LPIPS compares, with padding-aware features.

A batch may hold images of unlike sizes, padded at the bottom and right. The mask `inside`, bool
[n, h, w, 1], marks the pixels of each image. Before each layer all other cells are set to zero, so
that the network sees the padding as it sees the border of an image without padding, and both give
the same features.
"""

import flax.linen as nn
import jax

ALEXNET_LAYERS = (
    (64, 11, 4, 2, False),
    (192, 5, 1, 2, True),
    (384, 3, 1, 1, True),
    (256, 3, 1, 1, False),
    (256, 3, 1, 1, False),
)
"""Channels, window, stride and padding of each convolution; whether 3x3/2 pooling precedes it."""

ALEXNET_SMALLEST_SIDE = 31


class AlexNetFeatures(nn.Module):
    """AlexNet's float32 features after each of the five ReLUs, each with its own mask.

    Takes images [n, h, w, 3] with both sides at least 31, preprocessed as torchvision does and
    zero in the padding, and their mask `inside`, bool [n, h, w, 1]. Features have 64, 192, 384,
    256 and 256 channels.
    """

    @nn.compact
    def __call__(self, x: jax.Array, inside: jax.Array) -> list[tuple[jax.Array, jax.Array]]:
        features = []
        for i, (channels, window, stride, padding, pooled) in enumerate(ALEXNET_LAYERS, start=1):
            if pooled:
                inside = whole_windows(inside, 3, stride=2)
                x = nn.max_pool(x, (3, 3), strides=(2, 2)) * inside
            inside = whole_windows(inside, window - 2 * padding, stride)
            x = nn.Conv(
                channels,
                (window, window),
                strides=stride,
                padding=padding,
                precision="highest",
                name=f"conv{i}",
            )(x)
            x = nn.relu(x) * inside
            features.append((x, inside))
        return features


VGG16_BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Channels and number of convolutions of each block."""

VGG16_SMALLEST_SIDE = 16


class Vgg16Features(nn.Module):
    """VGG16's float32 features after each block's last ReLU, each with its own mask.

    Takes images [n, h, w, 3] with both sides at least 16, preprocessed as torchvision does and
    zero in the padding, and their mask `inside`, bool [n, h, w, 1]. Features are [n, h/s, w/s, c]
    with s = 1, 2, 4, 8, 16, rounded down.
    """

    @nn.compact
    def __call__(self, x: jax.Array, inside: jax.Array) -> list[tuple[jax.Array, jax.Array]]:
        features = []
        for block, (channels, convolutions) in enumerate(VGG16_BLOCKS, start=1):
            if block > 1:
                inside = whole_windows(inside, 2, stride=2)
                x = nn.max_pool(x, (2, 2), strides=(2, 2)) * inside
            for i in range(1, convolutions + 1):
                name = f"block{block}_conv{i}"
                x = nn.Conv(channels, (3, 3), precision="highest", name=name)(x)
                x = nn.relu(x) * inside
            features.append((x, inside))
        return features


def whole_windows(inside: jax.Array, window: int, stride: int = 1) -> jax.Array:
    """Return which unpadded windows lie wholly inside: bool [n, h, w, 1] to [n, h', w', 1].

    For a layer with zero padding p and window k, pass a window of k - 2p: the layer adds only
    padding to the first and last of these windows.
    """
    dimensions, strides = (1, window, window, 1), (1, stride, stride, 1)
    return jax.lax.reduce_window(inside, True, jax.lax.bitwise_and, dimensions, strides, "VALID")
