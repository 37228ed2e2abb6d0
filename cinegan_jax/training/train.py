"""Training mode: put a run's parts together, resume where it stopped, and let the loop go."""

from collections.abc import Iterator
from pathlib import Path

from cinegan_jax.data.device_prefetch import DevicePrefetch
from cinegan_jax.training.checkpoints import Checkpoints
from cinegan_jax.training.fine_tuning import with_networks_of
from cinegan_jax.training.held_out import HeldOut
from cinegan_jax.training.hooks import NonFiniteGuard, Progress, Samples, Scores
from cinegan_jax.training.loop import Hook, Loop
from cinegan_jax.training.metrics_log import MetricsLog
from cinegan_jax.training.preemption import PreemptionGuard
from cinegan_jax.training.provenance import write_provenance
from cinegan_jax.training.run import Run
from cinegan_jax.training.state import TrainState, networks_of


def train(run: Run, workdir: Path) -> int:
    """Train, from the newest checkpoint in `workdir` where there is one.

    Returns:
      0 when the run is finished, the guard's exit code when it was told to stop.

    Raises:
      UserError: see `Loop.run`, and whatever the parts of the run find wanting.
    """
    config, parallel = run.config, run.parallel
    print(f"{run.total_steps} steps of {config.batch_size} pairs, {run.device_batch} a device")
    frozen = parallel.replicate(run.frozen)
    batches = DevicePrefetch(run.train_batches(), parallel.place_batch)
    with PreemptionGuard() as guard, open_checkpoints(run, workdir) as checkpoints:
        state, start = _start(run, checkpoints, batches)
        write_provenance(workdir, config)
        with MetricsLog(workdir, start) as log:
            loop = Loop(
                step_fn=parallel.compile(run.make_step),
                frozen=frozen,
                batches=batches,
                one=parallel.one,
                hooks=list(_hooks(run, workdir, batches, checkpoints, log, start)),
                checkpoints=checkpoints,
                checkpoint_every_steps=config.checkpoint_every_steps,
                meta={"config": config.to_dict()},
            )
            finished = loop.run(parallel.replicate(state), start, run.total_steps, guard)
    return 0 if finished else guard.exit_code


def open_checkpoints(run: Run, workdir: Path) -> Checkpoints:
    """The workdir's checkpoints, kept as the config says."""
    config = run.config
    return Checkpoints(
        workdir,
        keep_newest=config.checkpoints_kept,
        best_metric=config.best_metric,
        best_mode="min" if config.best_metric.startswith("delta_e") else "max",
        on_disk_full=config.on_disk_full,
    )


def _start(run: Run, checkpoints: Checkpoints, batches: DevicePrefetch) -> tuple[TrainState, int]:
    """The newest checkpoint's state or a fresh one, and the steps it has behind it."""
    fresh = run.init_state()
    restored = checkpoints.restore(fresh, batches)
    if restored is not None:
        print(f"going on from step {restored.step}")
        return restored.state, restored.step
    if run.config.restore_from:
        return with_networks_of(Path(run.config.restore_from), fresh), 0
    return fresh, 0


def _hooks(
    run: Run,
    workdir: Path,
    batches: DevicePrefetch,
    checkpoints: Checkpoints,
    log: MetricsLog,
    start: int,
) -> Iterator[Hook]:
    """In this order at each step: guard, progress, samples, scores."""
    config, one = run.config, run.parallel.one
    held_out = HeldOut(run.family, run.test_pairs, config.evaluate_pairs, config.data.size)
    yield NonFiniteGuard(config.max_nonfinite_steps, one, lambda: checkpoints.latest_step)
    yield Progress(
        every_steps=config.log_every_steps,
        start_step=start,
        total_steps=run.total_steps,
        steps_per_epoch=run.steps_per_epoch,
        batch_size=config.batch_size,
        devices=config.batch_size // run.device_batch,
        waited=lambda: batches.waited,
        one=one,
        log=log,
    )
    yield Samples(
        every_steps=config.sample_every_steps,
        make_grid=lambda state: held_out.grid(one(networks_of(state))),
        folder=workdir / "samples",
        log=log,
    )
    yield Scores(
        every_steps=config.evaluate_every_steps,
        evaluate=lambda state: held_out.scores(one(networks_of(state))),
        log=log,
    )
