"""Runs shrunk to seconds, in this process or in real ones that can be killed."""

import importlib
import json
import multiprocessing
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import jax
import ml_collections
import numpy as np
import orbax.checkpoint as ocp
from absl import app
from PIL import Image
from toy_family import ToyFamily
from toy_latent_family import ToyLatentFamily

from cinegan_jax import main
from cinegan_jax.config.run import METRICS_OF_IMAGES, RunConfig
from cinegan_jax.config.schema import with_default
from cinegan_jax.core.storage import absolute
from cinegan_jax.families.cinegan_config import CineGanConfig
from cinegan_jax.families.registry import FAMILIES, FamilyEntry

TINY: Mapping[str, Any] = {
    "precision": "f32",
    "batch_size": 8,
    "num_steps": 4,
    "data.path": "samples",
    "data.look": "classic_neg",
    "data.size": 32,
    "data.threads": 2,
    "generator.width": 4,
    "generator.num_blocks": 1,
    "discriminator.width": 4,
    "losses.perceptual": 0.0,
    "optimizers.generator.learning_rate": 1e-3,
    "optimizers.discriminator.learning_rate": 1e-3,
    "log_every_steps": 2,
    "sample_every_steps": 4,
    "evaluate_every_steps": 4,
    "evaluate_pairs": 2,
    "checkpoint_every_steps": 2,
}
TOY: Mapping[str, Any] = {**TINY, "family": "toy"}
TOY_LATENT: Mapping[str, Any] = {
    **TOY,
    "family": "toy_latent",
    "data.path": "shapes",
    "best_metric": "feature_distance",
    "sample_scores": True,
}

FILE = "FILE"
"""The setting that names the file of configs/ whose keys the others are."""
_OF_LATENTS: Mapping[str, Any] = {
    "parallelism": "jit",
    "batch_size": 4,
    "num_steps": 4,
    "data.size": 32,
    "adversarial.r1": 0.0,
    "log_every_steps": 2,
    "sample_every_steps": 4,
    "evaluate_every_steps": 4,
    "evaluate_pairs": 8,
    "checkpoint_every_steps": 2,
}
TINY_OF_LATENTS: Mapping[str, Mapping[str, Any]] = {
    "toy_latent": TOY_LATENT,
    "dcgan": {
        **_OF_LATENTS,
        FILE: "dcgan_64",
        "generator.width": 2,
        "discriminator.width": 2,
    },
    "image_gan": {**_OF_LATENTS, FILE: "image_gan_64", "capacity": 2},
}
"""Settings of a tiny run of unconditional samples, by family."""


@dataclass(frozen=True)
class ToyLatentConfig(CineGanConfig):
    """CineGAN's keys with the metrics of a family of latents."""

    best_metric: str = with_default(
        CineGanConfig, "best_metric", "feature_distance", tuple(METRICS_OF_IMAGES)
    )

    def broken_rules(self, at: str) -> Iterator[str]:
        return RunConfig.broken_rules(self, at)


_TOYS = {
    "toy": FamilyEntry(CineGanConfig(), lambda config: ToyFamily()),
    "toy_latent": FamilyEntry(ToyLatentConfig(), lambda config: ToyLatentFamily()),
}
FAMILIES.update(_TOYS)  # type: ignore[attr-defined]

# Starting Python and importing JAX takes seconds, forking a process that has done so none. OpenBLAS
# would have threads, which no fork takes along.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(
    [
        "cinegan_jax.main",
        "cinegan_jax.training.train",
        "cinegan_jax.evaluation.evaluate",
        "cinegan_jax.preflight.dry_run",
    ]
)


def write_pairs(folder: Path, rng: np.random.Generator, train: int = 40, test: int = 2) -> Path:
    """Small pairs of noise in FilmSet's layout, look `Look`; read faster than photos rendered."""
    for split, count in (("train", train), ("test", test)):
        for side in ("input", "Look"):
            (folder / split / side).mkdir(parents=True)
            for number in range(count):
                image = Image.fromarray(rng.integers(0, 256, (36, 40, 3), np.uint8))
                image.save(folder / split / side / f"{number:03}.png")
    return folder


def config_of(settings: Mapping[str, Any], name: str = "default") -> ml_collections.ConfigDict:
    """A file of configs/ with some of its keys (`data.size`) set; `FILE` may name another one."""
    keys = dict(settings)
    config = importlib.import_module(f"configs.{keys.pop(FILE, name)}").get_config()
    config.update_from_flattened_dict(keys)
    return config


def flags_of(workdir: Path, settings: Mapping[str, Any], mode: str = "train") -> list[str]:
    """The command line's arguments that say the same as `config_of`."""
    keys = dict(settings)
    config = Path(__file__).parents[1] / "configs" / f"{keys.pop(FILE, 'default')}.py"
    flags = [f"--config={config}", f"--workdir={workdir}", f"--mode={mode}"]
    return flags + [f"--config.{key}={value}" for key, value in keys.items()]


class Started:
    """A process in which the entry point runs; what it says goes to a log file beside the workdir.

    Where the workdir is in a bucket or on a disk that fills up, give another `log`. `devices` are 8
    by default. `environment` is added to the process' own.
    """

    def __init__(
        self,
        workdir: Path,
        settings: Mapping[str, Any],
        mode: str = "train",
        log: Path | None = None,
        flags: Sequence[str] = (),
        devices: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._log = log or workdir.with_name(f"{workdir.name}.log")
        self._process = _forks.Process(
            target=_enter,
            args=(
                [*flags_of(workdir, settings, mode), *flags],
                self._log,
                devices,
                environment or {},
            ),
        )
        self._process.start()

    @property
    def said(self) -> str:
        """Standard output and error of all processes of this workdir so far."""
        return self._log.read_text()

    def running(self) -> bool:
        return self._process.is_alive()

    def signal(self, number: int) -> None:
        os.kill(self._process.pid, number)

    def wait_for(self, ready: Callable[[], bool], seconds: float = 60) -> None:
        """Returns when `ready` or when the process has ended."""
        deadline = time.monotonic() + seconds
        while self.running() and not ready():
            assert time.monotonic() < deadline, f"waited {seconds} s in vain:\n{self.said}"
            time.sleep(0.001)

    def exit_code(self, seconds: float = 120) -> int:
        """Waits for the end; negative after a signal."""
        self._process.join(seconds)
        if self._process.exitcode is None:
            self._process.kill()
            raise AssertionError(f"still running after {seconds} s:\n{self.said}")
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()
        self._process.join()


class Hosts:
    """Processes that train together on this machine, as hosts would, each with its own devices."""

    def __init__(
        self,
        workdir: Path,
        settings: Mapping[str, Any],
        count: int,
        devices: int,
        *flags: str,
        mode: str = "train",
        log: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        address, log = free_address(), log or workdir
        self.each = [
            Started(
                workdir,
                settings,
                mode,
                log.with_name(f"{log.name}.host{number}.log"),
                [
                    f"--coordinator_address={address}",
                    f"--num_processes={count}",
                    f"--process_id={number}",
                    *flags,
                ],
                devices,
                environment,
            )
            for number in range(count)
        ]

    def said(self) -> str:
        return "".join(f"--- host {n}\n{host.said}" for n, host in enumerate(self.each))

    def wait_for(self, ready: Callable[[], bool], seconds: float = 60) -> None:
        """Returns when `ready`; fails when a process has ended before."""
        deadline = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > deadline or not all(host.running() for host in self.each):
                self._fail(f"not ready, or ended, after {seconds} s or less")
            time.sleep(0.001)

    def exit_codes(self, seconds: float = 120) -> list[int]:
        """Waits for all to end; negative after a signal."""
        deadline = time.monotonic() + seconds
        while any(host.running() for host in self.each):
            if time.monotonic() > deadline:
                self._fail(f"still running after {seconds} s")
            time.sleep(0.01)
        return [host.exit_code() for host in self.each]

    def _fail(self, why: str) -> NoReturn:
        for host in self.each:
            host.kill()
        raise AssertionError(f"{why}:\n{self.said()}")


def free_address() -> str:
    """Return a free address on which processes of this machine can meet."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return f"localhost:{probe.getsockname()[1]}"


def _enter(
    flags: list[str], log: Path, devices: int | None, environment: Mapping[str, str]
) -> None:
    os.environ.update(environment)
    with log.open("ab", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout.reconfigure(line_buffering=True)
    if devices:
        jax.config.update("jax_num_cpu_devices", devices)
    sys.argv = ["main", *flags]
    app.run(main.main, flags_parser=main.parse_flags)


def run_hosts_to_end(
    workdir: Path,
    settings: Mapping[str, Any],
    count: int,
    devices: int,
    mode: str = "train",
    seconds: float = 120,
) -> str:
    """Run `Hosts` to a successful end and return their output."""
    hosts = Hosts(workdir, settings, count, devices, mode=mode)
    codes = hosts.exit_codes(seconds)
    assert codes == [0] * count, f"exit codes {codes}:\n{hosts.said()}"
    return hosts.said()


def run_to_end(workdir: Path, settings: Mapping[str, Any], *args: Any, **kwargs: Any) -> str:
    """Run a process (see `Started`) to a successful end and return its output."""
    started = Started(workdir, settings, *args, **kwargs)
    code = started.exit_code()
    assert code == 0, f"exit code {code}:\n{started.said}"
    return started.said


def records(workdir: Path) -> list[dict[str, Any]]:
    """The metrics records, without what differs between two equal runs."""
    path = workdir / "metrics.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [{k: v for k, v in json.loads(line).items() if k != "timing"} for line in lines]


def saved_steps(workdir: Path) -> list[int]:
    """The steps whose checkpoints bear their final names."""
    folder = workdir / "checkpoints"
    return sorted(int(path.name) for path in folder.glob("*") if path.name.isdigit())


def checkpoint(workdir: Path, step: int) -> dict[str, Any]:
    """All arrays of a checkpoint's state by path, as bytes with dtype and shape, and its items."""
    folder = absolute(workdir / "checkpoints" / str(step))
    with ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as checkpointer:
        saved = checkpointer.metadata(folder / "state").item_metadata.tree
        on_the_host = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), saved)
        state = checkpointer.restore(folder / "state", restore_args=on_the_host)
    leaves = jax.tree_util.tree_leaves_with_path(state)
    arrays = {
        jax.tree_util.keystr(path): (array.dtype, array.shape, array.tobytes())
        for path, array in leaves
    }
    items = {
        name: json.loads((folder / name / "metadata").read_text()) for name in ("data", "meta")
    }
    return {**arrays, **items}
