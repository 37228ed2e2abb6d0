"""How pictures are prepared before they are compared."""

from collections.abc import Callable, Mapping

import numpy as np

from cinegan_jax.data.geometry import squash

Prepare = Callable[[np.ndarray], np.ndarray]
"""A picture as stored to the picture that is compared: uint8 [h, w, 3] to uint8 [h', w', 3]."""


def protocols(size: int = 512) -> Mapping[str, Prepare]:
    """The ways to compare, by name.

    - `filmnet`: every picture squashed to size x size before anything else, the aspect lost, as
      FilmNet (Li et al., IJCAI 2023) and the methods in its table are compared, at 512;
    - `native`: size and aspect as stored.
    """
    return {"filmnet": lambda picture: squash(picture, size), "native": lambda picture: picture}
