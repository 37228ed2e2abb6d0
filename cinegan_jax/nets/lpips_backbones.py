"""AlexNet and VGG16 up to the layers that LPIPS compares."""

import flax.linen as nn
import jax

from cinegan_jax.nets.inside import whole_windows

ALEXNET_LAYERS = (
    (64, 11, 4, 2, False),
    (192, 5, 1, 2, True),
    (384, 3, 1, 1, True),
    (256, 3, 1, 1, False),
    (256, 3, 1, 1, False),
)
"""Of each convolution: channels, window, stride, padding, and whether 3x3/2 pooling precedes it."""

ALEXNET_SMALLEST_SIDE = 31


class AlexNetFeatures(nn.Module):
    """Features after each of the five ReLUs, in float32.

    Call it with pictures [n, h, w, 3], both sides at least 31, in torchvision's input formula and
    zero outside, and with what is `inside`, bool [n, h, w, 1]. Features have 64, 192, 384, 256 and
    256 channels, each beside what is inside it.
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
    """Features after each block's last ReLU, in float32.

    Call it with pictures [n, h, w, 3], both sides at least 16, in torchvision's input formula and
    zero outside, and with what is `inside`, bool [n, h, w, 1]. Features are [n, h/s, w/s, c] at
    s = 1, 2, 4, 8, 16, rounded down, each beside what is inside it.
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
