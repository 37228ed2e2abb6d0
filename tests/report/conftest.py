"""A workdir for each test."""

from pathlib import Path

import numpy as np
import pytest
from made_runs import write_workdir


@pytest.fixture
def workdir(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A finished run of 400 steps with a checkpoint at 200 and 400."""
    return write_workdir(tmp_path / "run", rng)
