import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from latent_runs import write_run
from typer.testing import CliRunner

from cinegan_jax.cli import app


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Path]:
    """Function that writes the workdir of a run whose second step of three is the best."""
    return write_run


@pytest.fixture(scope="session")
def latent_run(tmp_path_factory: pytest.TempPathFactory, make_run: Callable[..., Path]) -> Path:
    """The workdir of a run of the toy family of latents; only to be read."""
    return make_run(tmp_path_factory.mktemp("latents") / "run")


@pytest.fixture(scope="session")
def needs_ffmpeg() -> None:
    """Skip the test where ffmpeg is missing."""
    if not (shutil.which("ffmpeg") and shutil.which("ffprobe")):
        pytest.skip("needs ffmpeg")


@pytest.fixture(scope="session")
def run_sample() -> Callable[..., str]:
    """Function that runs `cinegan sample`, checks its exit code and returns its output."""

    def run(*arguments: object, code: int = 0) -> str:
        words = ["sample", *map(str, arguments)]
        result = CliRunner().invoke(app, words, catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result.output

    return run
