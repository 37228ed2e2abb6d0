import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import runs
from toy_latent_family import ToyLatentFamily
from typer.testing import CliRunner

from cinegan_jax.checkpointing.checkpoints import Checkpoints
from cinegan_jax.cli import app

SIZE = runs.TOY_LATENT["data.size"]


def saved_state(step: int) -> dict[str, Any]:
    """Parameters that differ from step to step, and an average that is neither."""
    shapes = {"target": jax.ShapeDtypeStruct((1, SIZE, SIZE, 3), np.uint8)}
    params, state = ToyLatentFamily().init(jax.random.key(step), shapes)
    averaged, _ = ToyLatentFamily().init(jax.random.key(1000 + step), shapes)
    ema = {"generator": averaged["generator"]}
    return {"step": jnp.int32(step), "params": dict(params), "family": state, "ema": ema}


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Path]:
    """Writes the workdir of a run whose second step of three is the best."""

    def make(workdir: Path, **settings: Any) -> Path:
        with Checkpoints(workdir, best_metric="psnr") as checkpoints:
            for step, psnr in ((2, 20.0), (4, 30.0), (6, 25.0)):
                checkpoints.save(step, saved_state(step), None, {}, {"psnr": psnr})
        config = runs.config_of({**runs.TOY_LATENT, **settings})
        (workdir / "config.json").write_text(json.dumps(config.to_dict()))
        return workdir

    return make


@pytest.fixture(scope="session")
def latent_run(tmp_path_factory: pytest.TempPathFactory, make_run: Callable[..., Path]) -> Path:
    """The workdir of a run of the toy family of latents; only to be read."""
    return make_run(tmp_path_factory.mktemp("latents") / "run")


@pytest.fixture(scope="session")
def needs_ffmpeg() -> None:
    """Skips the test where ffmpeg is missing."""
    if not (shutil.which("ffmpeg") and shutil.which("ffprobe")):
        pytest.skip("needs ffmpeg")


@pytest.fixture(scope="session")
def run_sample() -> Callable[..., str]:
    """Gives the command with arguments of any kind; what it says, if its exit code is `code`."""

    def run(*arguments: object, code: int = 0) -> str:
        words = ["sample", *map(str, arguments)]
        result = CliRunner().invoke(app, words, catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result.output

    return run
