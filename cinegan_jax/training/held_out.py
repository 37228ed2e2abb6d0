"""What is looked at again and again while training goes on, beside the losses."""

from collections.abc import Iterable
from typing import Protocol

import numpy as np

from cinegan_jax.training.state import Networks


class HeldOut(Protocol):
    """Scores and sample grids that show how networks develop: always of the same."""

    def scores(self, networks: Networks) -> Iterable[tuple[str, float]]:
        """(name, value) of every score."""
        ...

    def grid(self, networks: Networks) -> np.ndarray:
        """Pictures side by side, uint8 [h, w, 3]."""
        ...
