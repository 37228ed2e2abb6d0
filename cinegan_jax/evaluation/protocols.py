"""How pictures are prepared before they are compared."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from cinegan_jax.core.errors import UserError
from cinegan_jax.data.pairs import Pair
from cinegan_jax.data.transforms import squash

Prepare = Callable[[np.ndarray], np.ndarray]
"""A picture as stored to the picture that is compared: uint8 [h, w, 3] to uint8 [h', w', 3]."""

PROTOCOLS = ("filmnet", "native")
FILMNET_SIZE = 512
"""Side of the squashed pictures that FilmNet's authors compare, in pixels."""


def protocols(size: int = FILMNET_SIZE, names: Iterable[str] = PROTOCOLS) -> Mapping[str, Prepare]:
    """The ways to compare, by name.

    - `filmnet`: every picture squashed to size x size before anything else, the aspect lost, as
      FilmNet (Li et al., IJCAI 2023) and the methods in its table are compared, at 512;
    - `native`: size and aspect as stored.

    Raises:
        UserError: there is no protocol of a name.
    """
    known = dict(zip(PROTOCOLS, (lambda picture: squash(picture, size), as_stored), strict=True))
    for name in names:
        if name not in known:
            raise UserError(f"protocol {name!r} is not one of {', '.join(PROTOCOLS)}")
    return {name: known[name] for name in names}


def as_stored(picture: np.ndarray) -> np.ndarray:
    """The picture itself."""
    return picture


def prepare_pair(pair: Pair, prepare: Prepare) -> Pair:
    """The pair with all its pictures prepared."""
    clean = None if pair.clean is None else prepare(pair.clean)
    return Pair(pair.name, prepare(pair.input), prepare(pair.target), clean)
