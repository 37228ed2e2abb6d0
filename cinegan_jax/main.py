"""Train, evaluate or dry-run a config: python -m cinegan_jax.main --config=... --workdir=...

The same as `cinegan train`, `cinegan evaluate` and `cinegan preflight --fast`, with absl's flags.
"""

import sys
from collections.abc import Sequence

from absl import app, flags
from ml_collections import config_flags

from cinegan_jax.config.flags import with_config_file
from cinegan_jax.core.errors import USER_ERROR_EXIT_CODE, UserError
from cinegan_jax.core.tpu_probe import skip_absent_tpu

MODES = ("train", "evaluate", "dry_run")
_NAMES = (
    *("config", "workdir", "mode", "stop_after", "coordinator_address", "num_processes"),
    *("process_id", "initialization_timeout_seconds", "heartbeat_timeout_seconds"),
)

FLAGS = flags.FLAGS
for _name in [name for name in FLAGS if name in _NAMES or name.startswith("config.")]:
    delattr(FLAGS, _name)  # of an earlier run in the same notebook kernel
config_flags.DEFINE_config_file(
    "config", None, "A shipped config, a Python file, or a run's config.json.", lock_config=True
)
flags.DEFINE_string("workdir", None, "The run's folder, local or gs://.")
flags.DEFINE_enum("mode", "train", MODES, "What to do.")
flags.DEFINE_string(
    "stop_after", None, "Time such as 8h30m in which to save and leave with 75, from the start."
)
flags.DEFINE_string("coordinator_address", None, "HOST:PORT of process 0, of several processes.")
flags.DEFINE_integer("num_processes", None, "Number of processes; 1: this one trains alone.")
flags.DEFINE_integer("process_id", None, "Number of this process; JAX finds all three in clusters.")
flags.DEFINE_integer("initialization_timeout_seconds", 300, "How long to wait for the others.")
flags.DEFINE_integer("heartbeat_timeout_seconds", 100, "Silence after which a process is gone.")
flags.mark_flags_as_required(["config", "workdir"])


def main(argv: Sequence[str]) -> int:
    """Carry out `--mode` and return the exit code."""
    if len(argv) > 1:
        text = f"arguments without a flag: {' '.join(argv[1:])}"
        raise app.UsageError(text, exitcode=USER_ERROR_EXIT_CODE)
    skip_absent_tpu()
    # Heavy imports wait until the flags are known to be right.
    from cinegan_jax.training.launch import ClusterOptions, launch

    options = ClusterOptions(
        FLAGS.coordinator_address,
        FLAGS.num_processes,
        FLAGS.process_id,
        FLAGS.initialization_timeout_seconds,
        FLAGS.heartbeat_timeout_seconds,
    )
    work = {"train": _train, "evaluate": _evaluate, "dry_run": _dry_run}[FLAGS.mode]
    return launch(work, options, saves_on_sigterm=FLAGS.mode == "train")


def _train() -> int:
    from cinegan_jax.core.storage import open_path
    from cinegan_jax.training.run import Run
    from cinegan_jax.training.train import run_training

    if FLAGS.stop_after is not None:
        FLAGS.config.stop_after = FLAGS.stop_after
    return run_training(Run(FLAGS.config), open_path(FLAGS.workdir))


def _evaluate() -> int:
    from cinegan_jax.core.compilation_cache import keep_compilations
    from cinegan_jax.core.storage import open_path
    from cinegan_jax.evaluation.evaluate import evaluate
    from cinegan_jax.evaluation.tables import print_result

    workdir = open_path(FLAGS.workdir)
    keep_compilations(workdir)
    print_result(evaluate(workdir, config=FLAGS.config))
    return 0


def _dry_run() -> int:
    from cinegan_jax.preflight.this_machine import describe_here

    return describe_here(FLAGS.config, f"dry run of {FLAGS.workdir}")


def parse_flags(argv: Sequence[str]) -> list[str]:
    """Parse flags; report an unknown config or key as a one-line error."""
    try:
        known = with_config_file(argv)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(USER_ERROR_EXIT_CODE)
    try:
        return FLAGS(known)
    except flags.Error as error:  # absl would exit with 1, like a crash, which is retried
        print(f"error: {error}; --helpshort lists the flags", file=sys.stderr)
        sys.exit(USER_ERROR_EXIT_CODE)


if __name__ == "__main__":
    app.run(main, flags_parser=parse_flags)
