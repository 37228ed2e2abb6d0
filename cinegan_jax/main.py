"""Train, evaluate or dry-run a config: python -m cinegan_jax.main --config=... --workdir=..."""

import sys
from collections.abc import Sequence

from absl import app, flags, logging
from ml_collections import config_flags

from cinegan_jax.core.errors import USER_ERROR_EXIT_CODE
from cinegan_jax.training.config_keys import explain

MODES = ("train", "evaluate", "dry_run")

FLAGS = flags.FLAGS
config_flags.DEFINE_config_file("config", None, "A file of configs/.", lock_config=True)
flags.DEFINE_string("workdir", None, "The run's folder, local or gs://.")
flags.DEFINE_enum("mode", "train", MODES, "What to do.")
flags.DEFINE_string("coordinator_address", None, "Several processes: HOST:PORT of process 0.")
flags.DEFINE_integer("num_processes", None, "How many there are; 1: this one alone, come what may.")
flags.DEFINE_integer("process_id", None, "Which of them this is; of a cluster JAX finds all three.")
flags.DEFINE_integer("initialization_timeout_seconds", 300, "To wait for the others to start.")
flags.DEFINE_integer("heartbeat_timeout_seconds", 100, "Silence after which a process is gone.")
flags.mark_flags_as_required(["config", "workdir"])


def main(argv: Sequence[str]) -> int:
    """Carry out `--mode` and return the exit code."""
    if len(argv) > 1:
        text = f"arguments without a flag: {' '.join(argv[1:])}"
        raise app.UsageError(text, exitcode=USER_ERROR_EXIT_CODE)
    # Heavy imports wait until the flags are known to be right.
    from cinegan_jax.core.storage import open_path
    from cinegan_jax.preflight.dry_run import dry_run
    from cinegan_jax.training import multihost as distributed
    from cinegan_jax.training.evaluate import evaluate
    from cinegan_jax.training.run import Run
    from cinegan_jax.training.train import train

    logging.set_verbosity(logging.WARNING)
    modes = {"train": train, "evaluate": evaluate, "dry_run": dry_run}
    seconds = FLAGS.initialization_timeout_seconds
    named = (FLAGS.coordinator_address, FLAGS.num_processes, FLAGS.process_id)
    try:
        cluster = distributed.find_cluster(*named, seconds)
        distributed.join(cluster, seconds, FLAGS.heartbeat_timeout_seconds, FLAGS.mode == "train")
        return modes[FLAGS.mode](Run(FLAGS.config), open_path(FLAGS.workdir))
    except Exception as error:
        return distributed.fail(error)


def parse_flags(argv: Sequence[str]) -> list[str]:
    """Absl's parser, but a config file or key that is not there is told in a line."""
    message = explain(argv)
    if message:
        print(f"error: {message}", file=sys.stderr)
        sys.exit(USER_ERROR_EXIT_CODE)
    try:
        return FLAGS(list(argv))
    except flags.Error as error:  # absl would exit with 1, like a crash, which is retried
        print(f"error: {error}; --helpshort lists the flags", file=sys.stderr)
        sys.exit(USER_ERROR_EXIT_CODE)


if __name__ == "__main__":
    app.run(main, flags_parser=parse_flags)
