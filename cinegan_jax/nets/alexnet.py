"""The convolutions of torchvision's AlexNet (arXiv 1404.5997), one of the eyes of LPIPS."""

import flax.linen as nn
import jax

from cinegan_jax.nets.inside import whole_windows

LAYERS = (
    (64, 11, 4, 2, False),
    (192, 5, 1, 2, True),
    (384, 3, 1, 1, True),
    (256, 3, 1, 1, False),
    (256, 3, 1, 1, False),
)
"""Of each convolution: channels, window, stride, padding, and whether 3x3/2 pooling precedes it."""

SMALLEST_SIDE = 31


class AlexNetFeatures(nn.Module):
    """Features after each of the five ReLUs, in float32.

    Call it with pictures [n, h, w, 3], both sides at least 31, in torchvision's input formula and
    zero outside, and with what is `inside`, bool [n, h, w, 1]. Features have 64, 192, 384, 256 and
    256 channels, each beside what is inside it.
    """

    @nn.compact
    def __call__(self, x: jax.Array, inside: jax.Array) -> list[tuple[jax.Array, jax.Array]]:
        features = []
        for i, (channels, window, stride, padding, pooled) in enumerate(LAYERS, start=1):
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
