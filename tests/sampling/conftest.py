import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from latent_runs import write_run
from typer.testing import CliRunner

from cinegan_jax.cli import app


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Path]:
    """Return a function that writes the workdir of a run with three steps, the second the best."""
    return write_run


@pytest.fixture(scope="session")
def latent_run(tmp_path_factory: pytest.TempPathFactory, make_run: Callable[..., Path]) -> Path:
    """Write the workdir of a run of the toy latent family; read-only for tests."""
    return make_run(tmp_path_factory.mktemp("latents") / "run")


@pytest.fixture(scope="session")
def needs_ffmpeg() -> None:
    """Skip the test if ffmpeg is missing."""
    if not (shutil.which("ffmpeg") and shutil.which("ffprobe")):
        pytest.skip("needs ffmpeg")


@pytest.fixture(scope="session")
def run_sample() -> Callable[..., str]:
    """Return a function that runs `cinegan sample`, checks its exit code and returns its output."""

    def run(*arguments: object, code: int = 0) -> str:
        words = ["sample", *map(str, arguments)]
        result = CliRunner().invoke(app, words, catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result.output

    return run
