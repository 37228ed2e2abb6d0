"""Train a run: build its parts, resume from the newest checkpoint, and run the loop."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import ml_collections
from absl import logging
from etils import epath

from cinegan_jax.checkpointing.checkpoints import Checkpoints
from cinegan_jax.config.migration import with_version
from cinegan_jax.core.compilation_cache import keep_compilations
from cinegan_jax.core.event_loop import outside_event_loop
from cinegan_jax.core.os_processes import seconds_since_start
from cinegan_jax.data.device_prefetch import DevicePrefetch
from cinegan_jax.health.monitor import RollBack
from cinegan_jax.training.data_identity import FINGERPRINT
from cinegan_jax.training.health import HealthHook
from cinegan_jax.training.held_out import make_held_out
from cinegan_jax.training.hooks import NonFiniteGuard, Progress, Samples, Scores
from cinegan_jax.training.lease import Lease
from cinegan_jax.training.loop import CompiledSteps, Hook, Loop
from cinegan_jax.training.metrics_log import MetricsLog
from cinegan_jax.training.preemption import PreemptionGuard
from cinegan_jax.training.profiler import Profiler
from cinegan_jax.training.run import Run
from cinegan_jax.training.run_records import losses_drawn_at_the_end, write_provenance
from cinegan_jax.training.start import find_start, open_checkpoints, roll_back
from cinegan_jax.training.state import TrainState, networks_of
from cinegan_jax.training.time_limit import TimeLimit


def run_training(run: Run, workdir: epath.Path, guard: PreemptionGuard | None = None) -> int:
    """Train from the newest checkpoint in `workdir`, or from the start where there is none.

    Works in a notebook's cell too, whose event loop Orbax must not see.

    Args:
      run: the parts of the run.
      workdir: its folder.
      guard: asks for a stop; the caller has entered it. None: one of the run's own, with the time
        of `stop_after` counted from the start of the process.

    Returns:
      0 when the run is finished, the guard's exit code when it was asked to stop.

    Raises:
      LastSaveFailed: the last step could not be saved.
      UserError: another run trains in `workdir`; see also `Loop.run`, and the errors of the run's
        parts.
    """
    limit = TimeLimit.of(run.config.stop_after, seconds_since_start())
    with contextlib.nullcontext(guard) if guard else PreemptionGuard(limit) as entered:
        return outside_event_loop(lambda: _train(run, workdir, entered))


def _train(run: Run, workdir: epath.Path, guard: PreemptionGuard) -> int:
    config, parallel = run.config, run.parallel
    print(
        f"{run.total_steps} steps of {run.examples_per_step} {run.family.learns_from}, "
        f"{run.device_batch} per device"
    )
    frozen = parallel.replicate(run.frozen)
    batches = DevicePrefetch(run.train_batches(), parallel.place_batch)
    with (
        Lease(workdir) as lease,
        contextlib.closing(batches),
        open_checkpoints(run, workdir) as checkpoints,
    ):
        keep_compilations(workdir)
        start = find_start(run, workdir, checkpoints, batches)
        before = start.data_before
        other = {FINGERPRINT: [before, run.data_fingerprint]} if before else {}
        write_provenance(workdir, config, start.step, other)
        with (
            losses_drawn_at_the_end(workdir),
            MetricsLog(workdir, start.step, config.trackers, config.to_dict()) as log,
            Profiler(workdir, config.profile_steps, start.step, run.total_steps) as profiler,
        ):
            steps, generator = _compile(run, start.state), _make_generator_variables(run)
            health = _make_health(run, steps, batches, log, start.health)
            while True:
                hooks = _make_hooks(run, workdir, batches, checkpoints, log, health, start.step)
                loop = Loop(
                    step=steps,
                    frozen=frozen,
                    batches=batches,
                    to_save=parallel.to_save,
                    generator=generator,
                    hooks=[profiler, *hooks],
                    before_save=[lease.require_held, log.upload],
                    checkpoints=checkpoints,
                    save_every_steps=_save_intervals(config),
                    meta=lambda: {
                        "config": with_version(config.to_dict()),
                        FINGERPRINT: run.data_fingerprint,
                        "health": health.memory(),
                    },
                )
                try:
                    state = parallel.place_state(start.state)
                    reached = loop.run(state, start.step, run.total_steps, guard)
                    if reached > start.step:
                        checkpoints.require_saved(reached)
                    if reached == run.total_steps:
                        return 0
                    logging.warning("Step %d is saved; start again to continue.", reached)
                    return guard.exit_code
                except RollBack as request:
                    alarm = request.alarm
                # Outside of the handler: there, the exception would keep the old state in memory.
                start = roll_back(run, alarm, checkpoints, health.rollbacks + 1)
                health.recall(start.health)
                log.rewind(start.step)


def _save_intervals(config: ml_collections.ConfigDict) -> list[int]:
    return [every for every in (config.checkpoint_every_steps, config.keep_every_steps) if every]


def _compile(run: Run, state: TrainState) -> CompiledSteps:
    parallel = run.parallel
    return CompiledSteps(
        plain=parallel.compile(run.make_step, state),
        measured=parallel.compile_measured(run.make_measured_step, state),
        measure_every=run.config.health.every_steps,
        replicate=parallel.replicate,
    )


def _make_generator_variables(run: Run) -> Callable[[TrainState], Any]:
    """Return a function from a placed state to the generator's variables, on the host."""
    fold = jax.jit(run.family.generator_variables)

    def generator_variables(state: TrainState) -> Any:
        networks = run.parallel.unreplicate(networks_of(state))
        return jax.device_get(fold(networks.params, networks.model_state))

    return generator_variables


def _make_health(
    run: Run,
    steps: CompiledSteps,
    batches: DevicePrefetch,
    log: MetricsLog,
    memory: Mapping[str, Any],
) -> HealthHook:
    settings = run.config.health
    health = HealthHook(
        every_steps=settings.every_steps,
        monitor=run.make_monitor(),
        steps=steps,
        players=tuple(run.optimizers),
        lower_rate_factor=settings.lower_rate_factor,
        waited=lambda: batches.waited,
        unreplicate=run.parallel.unreplicate,
        log=log,
    )
    if memory:
        health.recall(memory)
    return health


def _make_hooks(
    run: Run,
    workdir: epath.Path,
    batches: DevicePrefetch,
    checkpoints: Checkpoints,
    log: MetricsLog,
    health: HealthHook,
    start: int,
) -> Iterator[Hook]:
    """Yield the hooks in the order in which they run: guard, health, progress, samples, scores."""
    config, unreplicate = run.config, run.parallel.unreplicate
    held_out = make_held_out(
        run.family,
        run.test_examples,
        count=config.evaluate_pairs,
        size=config.data.size,
        crop=config.data.crop,
        judged=config.sample_scores,
    )
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
