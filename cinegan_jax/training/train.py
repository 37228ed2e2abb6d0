"""Training mode: put a run's parts together, resume where it stopped, and let the loop go."""

import contextlib
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
from etils import epath

from cinegan_jax.checkpointing.checkpoints import Checkpoints
from cinegan_jax.core.compilation_cache import keep_compilations
from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import absolute, open_path
from cinegan_jax.data.device_prefetch import DevicePrefetch
from cinegan_jax.health.monitor import Alarm, RollBack
from cinegan_jax.training.health import HealthHook, WatchedStep, roll_back
from cinegan_jax.training.held_out import HeldOut, HeldOutPairs, HeldOutPictures, best_mode
from cinegan_jax.training.hooks import NonFiniteGuard, Progress, Samples, Scores
from cinegan_jax.training.loop import Hook, Loop
from cinegan_jax.training.metrics_log import MetricsLog
from cinegan_jax.training.preemption import PreemptionGuard
from cinegan_jax.training.profiler import Profiler
from cinegan_jax.training.run import Run
from cinegan_jax.training.run_records import losses_drawn_at_the_end, write_provenance
from cinegan_jax.training.state import (
    TrainState,
    networks_of,
    with_fitted_parameters,
    with_networks_of,
)


class Start(NamedTuple):
    """Where steps begin: the state, steps behind it, and what was known of its health."""

    state: TrainState
    step: int
    health: Mapping[str, Any] | None = None


def train(run: Run, workdir: epath.Path) -> int:
    """Train, from the newest checkpoint in `workdir` where there is one.

    Returns:
      0 when the run is finished, the guard's exit code when it was told to stop.

    Raises:
      UserError: see `Loop.run`, and whatever the parts of the run find wanting.
    """
    config, parallel = run.config, run.parallel
    print(
        f"{run.total_steps} steps of {run.examples_per_step} {run.family.learns_from}, "
        f"{run.device_batch} a device"
    )
    frozen = parallel.replicate(run.frozen)
    batches = DevicePrefetch(run.train_batches(), parallel.place_batch)
    with (
        PreemptionGuard() as guard,
        contextlib.closing(batches),
        open_checkpoints(run, workdir) as checkpoints,
    ):
        keep_compilations(workdir)
        start = _start(run, workdir, checkpoints, batches)
        write_provenance(workdir, config)
        with (
            losses_drawn_at_the_end(workdir),
            MetricsLog(workdir, start.step) as log,
            Profiler(workdir, config.profile_steps, start.step, run.total_steps) as profiler,
        ):
            health = _health(run, batches, log, start)
            hooks = partial(_hooks, run, workdir, batches, checkpoints, log, health)
            while True:
                loop = Loop(
                    step_fn=health.step,
                    frozen=frozen,
                    batches=batches,
                    to_save=parallel.to_save,
                    hooks=[profiler, *hooks(start.step)],
                    upload_records=log.upload,
                    checkpoints=checkpoints,
                    checkpoint_every_steps=config.checkpoint_every_steps,
                    meta=lambda: {"config": config.to_dict(), "health": health.memory()},
                )
                try:
                    state = parallel.place_state(start.state)
                    finished = loop.run(state, start.step, run.total_steps, guard)
                    return 0 if finished else guard.exit_code
                except RollBack as asked:
                    alarm = asked.alarm
                # Not above: there the exception would keep the state that is given up in memory.
                start = _rolled_back(run, alarm, health, checkpoints)
                log.rewind(start.step)


def open_checkpoints(run: Run, workdir: epath.Path) -> Checkpoints:
    """The workdir's checkpoints, kept as the config says.

    Raises:
      UserError: there is no such metric, the workdir cannot be made, or see `Checkpoints`.
    """
    config = run.config
    return Checkpoints(
        workdir,
        keep_newest=config.checkpoints_kept,
        best_metric=config.best_metric,
        best_mode=best_mode(config.best_metric, run.family.learns_from),
        on_disk_full=config.on_disk_full,
    )


def make_held_out(run: Run) -> HeldOut:
    """What is shown and scored while training goes on, by what the family learns from.

    Raises:
      UserError: too few of what is held out can serve, or the family's discriminator cannot judge.
    """
    config, family = run.config, run.family
    data = config.data
    shown = family, run.test_examples, config.evaluate_pairs, data.size, data.crop
    if family.learns_from == "images":
        return HeldOutPictures(*shown, judged=config.sample_scores)
    if config.sample_scores:
        raise UserError(
            f"config.sample_scores=True: family {config.family!r} learns from pairs, and its "
            "discriminators judge no picture alone; set it to False"
        )
    return HeldOutPairs(*shown)


def _start(
    run: Run, workdir: epath.Path, checkpoints: Checkpoints, batches: DevicePrefetch
) -> Start:
    """From the newest checkpoint, or afresh."""
    source = open_path(run.config.restore_from) if run.config.restore_from else None
    if source and absolute(source) == absolute(workdir):
        raise UserError(f"restore_from={source} is the workdir; fine-tune in another one")
    fresh = run.init_state()
    restored = checkpoints.restore(run.parallel.to_restore(fresh), batches)
    if restored is not None:
        done = restored.step >= run.total_steps
        print(f"{'nothing left to do after' if done else 'going on from'} step {restored.step}")
        return Start(restored.state, restored.step, restored.meta.get("health"))
    fresh = with_networks_of(source, fresh) if source else fresh
    return Start(with_fitted_parameters(run.family, run.train_examples, run.config.seed, fresh), 0)


def _rolled_back(run: Run, alarm: Alarm, health: HealthHook, checkpoints: Checkpoints) -> Start:
    template = run.parallel.to_restore(jax.eval_shape(run.init_state))
    return Start(*roll_back(alarm, health, checkpoints, template, run.config.health.max_rollbacks))


def _health(run: Run, batches: DevicePrefetch, log: MetricsLog, start: Start) -> HealthHook:
    parallel, settings = run.parallel, run.config.health
    health = HealthHook(
        every_steps=settings.every_steps,
        monitor=run.make_monitor(),
        step=WatchedStep(
            plain=parallel.compile(run.make_step, start.state),
            measured=parallel.compile_measured(run.make_measured_step, start.state),
            every_steps=settings.every_steps,
            replicate=parallel.replicate,
        ),
        players=tuple(run.optimizers),
        lower_rate_factor=settings.lower_rate_factor,
        waited=lambda: batches.waited,
        unreplicate=parallel.unreplicate,
        log=log,
    )
    if start.health is not None:
        health.recall(start.health)
    return health


def _hooks(
    run: Run,
    workdir: epath.Path,
    batches: DevicePrefetch,
    checkpoints: Checkpoints,
    log: MetricsLog,
    health: HealthHook,
    start: int,
) -> Iterator[Hook]:
    """In this order at each step: guard, health, progress, samples, scores."""
    config, unreplicate = run.config, run.parallel.unreplicate
    held_out = make_held_out(run)
    yield NonFiniteGuard(config.max_nonfinite_steps, unreplicate, lambda: checkpoints.latest_step)
    if health.every_steps:
        yield health
    yield Progress(
        every_steps=config.log_every_steps,
        start_step=start,
        total_steps=run.total_steps,
        steps_per_epoch=run.steps_per_epoch,
        learns_from=run.family.learns_from,
        batch_size=run.examples_per_step,
        devices=run.examples_per_step // run.device_batch * config.spatial,
        waited=lambda: batches.waited,
        alarms=lambda: health.monitor.active,
        unreplicate=unreplicate,
        log=log,
    )
    yield Samples(
        every_steps=config.sample_every_steps,
        make_grid=lambda state: held_out.grid(unreplicate(networks_of(state))),
        folder=workdir / "samples",
        log=log,
    )
    yield Scores(
        every_steps=config.evaluate_every_steps,
        evaluate=lambda state: held_out.scores(unreplicate(networks_of(state))),
        log=log,
    )
