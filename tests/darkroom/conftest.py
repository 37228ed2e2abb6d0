from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from cinegan_jax.cli import app
from cinegan_jax.inference.look import NetworkLook
from cinegan_jax.inference.look_file import write_look
from cinegan_jax.nets.res_unet import ResUnetGenerator


@pytest.fixture
def apply() -> Callable[..., Result]:
    """Return a function that runs `cinegan apply` in this process."""
    return lambda *arguments: CliRunner().invoke(app, ["apply", *map(str, arguments)])


@pytest.fixture
def tiny_look(random_params: Callable[..., Any], tmp_path: Path) -> Path:
    """Write a look file of a small network with random kernels, which changes every pixel."""
    generator = ResUnetGenerator(width=4, num_blocks=1)
    kernels = random_params(generator, np.zeros((1, 8, 8, 3), np.float32))
    path = tmp_path / "tiny.safetensors"
    write_look(NetworkLook("tiny", generator, kernels), path)
    return path


@pytest.fixture
def write_photo(rng: np.random.Generator) -> Callable[..., Path]:
    """Return a function that writes a photo of noise in the format of its name."""

    def write(path: Path, width: int = 40, height: int = 28, mode: str = "RGB", **how: Any) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = rng.integers(0, 256, (height, width, 3), np.uint8)
        Image.fromarray(noise).convert(mode).save(path, **how)
        return path

    return write
