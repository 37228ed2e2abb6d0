"""Which cells of a feature map a picture fills where it is padded.

A network that sets all others to zero before each layer sees the padding as it sees the border of
a picture without padding, so both give the same features.
"""

import jax


def whole_windows(inside: jax.Array, window: int, stride: int = 1) -> jax.Array:
    """Whether each window without padding lies wholly inside: bool [n, h, w, 1] to [n, h', w', 1].

    For a layer with zero padding p and a window of k, these are windows of k - 2p: what such a
    layer adds to the first and last window is padding.
    """
    dimensions, strides = (1, window, window, 1), (1, stride, stride, 1)
    return jax.lax.reduce_window(inside, True, jax.lax.bitwise_and, dimensions, strides, "VALID")
