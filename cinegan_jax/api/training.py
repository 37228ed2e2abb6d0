"""Training from Python, as from the command line."""

import os
from collections.abc import Mapping
from typing import Any

import ml_collections

from cinegan_jax.api.runs import TrainedRun, load_run
from cinegan_jax.config.load import load_config
from cinegan_jax.core.compilation_cache import keep_compilations_for_user
from cinegan_jax.core.storage import open_path
from cinegan_jax.training.preemption import INTERRUPTED_EXIT_CODE, PreemptionGuard
from cinegan_jax.training.run import Run
from cinegan_jax.training.time_limit import TimeLimit
from cinegan_jax.training.train import run_training


def train(
    config: str | os.PathLike[str] | ml_collections.ConfigDict,
    workdir: str | os.PathLike[str],
    *,
    overrides: Mapping[str, Any] | None = None,
    stop_after: str | None = None,
) -> TrainedRun:
    """Train a run, or resume it from the newest checkpoint in its workdir.

    Works in scripts, in notebooks, and in threads. An interrupt (Ctrl-C, or a notebook's stop
    button) saves a checkpoint within one step and raises KeyboardInterrupt: call `train` again to
    resume. Only the main thread can be interrupted. Processes that trained together have called
    `jax.distributed.initialize` before, and all call `train`.

    Args:
      config: name of a shipped config (`film`), path of a Python file, path of a run's config.json,
        or a config.
      workdir: the run's folder, local or gs://; it is made if needed.
      overrides: values of keys of the config, such as `{"generator.width": 32}`.
      stop_after: time of this call, such as "8h30m", in which the run is saved and left, in place
        of the config's.

    Returns:
      The finished run, with its newest checkpoint.

    Raises:
      UserError: the config, the data or the workdir cannot be used, or an alarm stopped the run.
      KeyboardInterrupt: after an interrupt; the checkpoint is saved.
      SystemExit: with code 75 after SIGTERM or the time of `stop_after`; the checkpoint is saved.
    """
    texts = [f"{key}={value}" for key, value in (overrides or {}).items()]
    if stop_after is not None:
        texts.append(f"stop_after={stop_after}")
    run, folder = Run(load_config(config, texts)), open_path(workdir)
    keep_compilations_for_user()
    with PreemptionGuard(TimeLimit.of(run.config.stop_after)) as guard:
        code = run_training(run, folder, guard)
    if code == INTERRUPTED_EXIT_CODE:
        raise KeyboardInterrupt
    if code:
        raise SystemExit(code)
    return load_run(workdir)
