"""Squares of photos at full resolution, for distances of sets that see what squashing hides.

Sets of photos are compared by patches in HiFiC (Mentzer, Toderici, Tschannen and Agustsson, arXiv
2006.09965) and in any-resolution training (Chai et al., arXiv 2204.07156). Here they have the 299
pixels of Inception's input, so that nothing is resized.
"""

import zlib

import numpy as np

from cinegan_jax.nets.inception import INPUT_SIZE, resize_for_inception


def cut_patches(photo: np.ndarray, name: str, count: int, seed: int = 0) -> np.ndarray:
    """Squares of 299x299 pixels at places that depend on name, size and seed alone.

    So they are the same in all versions of one photo, on whichever device or host. They may
    overlap. In a photo with a side below 299 they are squares of that side, enlarged.

    Args:
        photo: unit or uint8 [h, w, 3].
        name: of the photo.
        count: how many squares.
        seed: for other places.

    Returns:
        float32 [count, 299, 299, 3] in the range of the photo.
    """
    height, width = photo.shape[:2]
    side = min(INPUT_SIZE, height, width)
    draw = np.random.default_rng([seed, zlib.crc32(name.encode())])
    tops = draw.integers(0, height - side + 1, count)
    lefts = draw.integers(0, width - side + 1, count)
    squares = [
        photo[top : top + side, left : left + side] for top, left in zip(tops, lefts, strict=True)
    ]
    return np.asarray(resize_for_inception(np.stack(squares)))
