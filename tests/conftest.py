"""Eight CPU devices, strict ranks, and warnings as errors for every test."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

# Compiling is most of the suite's time, so it is done without optimisation, unless
# TEST_XLA_OPTIMISATION=default asks for what users have (.ci/run does, for `agreement` tests). Its
# results are shared between workers, subprocesses and runs. Subprocesses inherit these settings.
os.environ |= {
    "JAX_PLATFORMS": "cpu",
    "KERAS_BACKEND": "jax",
    "XLA_FLAGS": os.environ.get("XLA_FLAGS", "")
    + " --xla_force_host_platform_device_count=8"
    + (
        ""
        if os.environ.get("TEST_XLA_OPTIMISATION") == "default"
        else " --xla_backend_optimization_level=0"
    ),
    "JAX_COMPILATION_CACHE_DIR": os.path.join(tempfile.gettempdir(), "cinegan-test-compilations"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "1",
}

# A shell makes background processes ignore Ctrl-C, and subprocesses would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import jax
import numpy as np
import pytest
from etils import epath

from cinegan_jax.core.storage import open_path

jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture
def rng() -> np.random.Generator:
    """Numpy generator with the same seed in every test."""
    return np.random.default_rng(20240229)


@pytest.fixture
def random_params(rng: np.random.Generator) -> Callable[..., Any]:
    """Function from a module to parameters of which all, also scales and biases, are random."""

    def make(module: Any, *inputs: Any) -> Any:
        params = jax.eval_shape(module.init, jax.random.key(0), *inputs)["params"]
        return jax.tree_util.tree_map_with_path(draw, params)

    def draw(path: tuple[Any, ...], leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        noise = rng.normal(size=leaf.shape).astype(np.float32)
        match path[-1].key:
            case "kernel":
                return noise / np.sqrt(np.prod(leaf.shape[:-1]))
            case "scale":
                return 1 + 0.3 * noise
            case "bias":
                return 0.3 * noise
            case "colour_table":
                return 0.5 + 0.3 * noise
            case name:
                raise ValueError(f"a parameter of unknown kind: {name}")

    return make


@pytest.fixture(scope="session")
def bucket_environment() -> Iterator[dict[str, str]]:
    """Serve `gs://` from a store on this machine; gives the environment for subprocesses."""
    import bucket

    with bucket.serving() as environment, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield environment


@pytest.fixture
def bucket(bucket_environment: dict[str, str], request: pytest.FixtureRequest) -> epath.Path:
    """Folder of the test in a bucket."""
    return open_path(f"gs://bucket/{request.node.name}")


@pytest.fixture(scope="session")
def small_pairs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Config settings for a folder of small pairs of noise."""
    import runs

    folder = runs.write_pairs(tmp_path_factory.mktemp("pairs"), np.random.default_rng(4))
    return {"data.path": str(folder), "data.look": "Look"}


@pytest.fixture(scope="session")
def cinegan_settings(small_pairs: dict[str, Any]) -> dict[str, Any]:
    """Config settings of the run in `trained`."""
    import runs

    return {**runs.TINY, **small_pairs, "ema_decay": 0.9}


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, cinegan_settings: dict[str, Any]) -> Path:
    """Workdir of a finished run of a tiny CineGAN; tests may only read it."""
    import runs

    workdir = tmp_path_factory.mktemp("trained") / "run"
    runs.run_to_end(workdir, cinegan_settings)
    return workdir


@pytest.fixture
def mount_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Function that mounts a disk of a size such as `64k`, or skips the test if not allowed."""
    disk = tmp_path / "disk"

    def mount(size: str) -> Path:
        disk.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("a tmpfs cannot be mounted here")
        return disk

    yield mount
    if disk.is_mount():
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium under Playwright; skips the test if either is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("needs Chromium")
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def coordinator() -> str:
    """Free address for `jax.distributed.initialize`."""
    import runs

    return runs.free_address()


@pytest.fixture
def signal_at_step_2(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Sends the signal that a test puts into the list, once, after step 2 of a training here."""
    from cinegan_jax.training.hooks import Progress
    from cinegan_jax.training.preemption import PreemptionGuard

    numbers: list[int] = []
    handled = threading.Event()
    call, on_signal = Progress.__call__, PreemptionGuard._on_signal

    def interrupted(self: Progress, step: int, state: Any) -> Mapping[str, float]:
        if step == 2 and numbers:
            signal.raise_signal(numbers.pop())
            assert handled.wait(10)
        return call(self, step, state)

    def handle(self: PreemptionGuard, number: int, frame: FrameType | None) -> None:
        on_signal(self, number, frame)
        handled.set()

    monkeypatch.setattr(Progress, "__call__", interrupted)
    monkeypatch.setattr(PreemptionGuard, "_on_signal", handle)
    yield numbers
    assert not numbers
