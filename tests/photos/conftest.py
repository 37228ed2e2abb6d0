"""Fixtures for the tests of image files."""

import numpy as np
import pytest


@pytest.fixture
def blocks(rng: np.random.Generator) -> np.ndarray:
    """An image in blocks of 8 x 8 that JPEG keeps well, and that no turn maps to itself."""
    colours = rng.integers(30, 226, (4, 6, 3), np.uint8)
    return np.kron(colours, np.ones((8, 8, 1), np.uint8))
