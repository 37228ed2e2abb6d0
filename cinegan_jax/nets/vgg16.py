"""VGG16 (arXiv 1409.1556) up to block5_conv3, one of the eyes of LPIPS."""

import flax.linen as nn
import jax

from cinegan_jax.nets.inside import whole_windows

BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Channels and number of convolutions of each block."""

SMALLEST_SIDE = 16


class Vgg16Features(nn.Module):
    """Features after each block's last ReLU, in float32.

    Call it with pictures [n, h, w, 3], both sides at least 16, in torchvision's input formula and
    zero outside, and with what is `inside`, bool [n, h, w, 1]. Features are [n, h/s, w/s, c] at
    s = 1, 2, 4, 8, 16, rounded down, each beside what is inside it.
    """

    @nn.compact
    def __call__(self, x: jax.Array, inside: jax.Array) -> list[tuple[jax.Array, jax.Array]]:
        features = []
        for block, (channels, convolutions) in enumerate(BLOCKS, start=1):
            if block > 1:
                inside = whole_windows(inside, 2, stride=2)
                x = nn.max_pool(x, (2, 2), strides=(2, 2)) * inside
            for i in range(1, convolutions + 1):
                name = f"block{block}_conv{i}"
                x = nn.Conv(channels, (3, 3), precision="highest", name=name)(x)
                x = nn.relu(x) * inside
            features.append((x, inside))
        return features
