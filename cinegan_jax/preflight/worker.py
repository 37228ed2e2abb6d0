"""The process that preflight starts: plans a config's run on a slice and prints it as JSON.

A process of its own, since libtpu and the number of devices are fixed when JAX is imported. Flags
are those of `cinegan_jax.main`, with the slice in place of a workdir.
"""

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import ml_collections
from absl import flags, logging
from ml_collections import config_flags

from cinegan_jax.config.flags import explain
from cinegan_jax.core.errors import UserError
from cinegan_jax.data.sources import open_source
from cinegan_jax.families.registry import build_family
from cinegan_jax.preflight.chips import topology

FLAGS = flags.FLAGS
config_flags.DEFINE_config_file("config", None, "A file of configs/.", lock_config=True)
flags.DEFINE_string("topology", None, "The slice.")
flags.DEFINE_integer("pairs", None, "Training pairs or pictures.")
flags.DEFINE_boolean("fast", False, "From shapes alone.")
flags.mark_flag_as_required("config")

ALWAYS_HERE = ("samples", "shapes")
"""Values of `config.data.path` that need no files but the package's."""


def main(argv: Sequence[str]) -> int:
    """Print the plan, or `{"error": text}` of what the user can mend."""
    try:
        answer = plan(argv)
    except UserError as error:
        answer = {"error": str(error)}
    print(json.dumps(answer))
    return 0


def plan(argv: Sequence[str]) -> dict[str, object]:
    """The fields of the `Plan` that the flags ask for.

    Raises:
      UserError: a flag, or some part of the run, cannot be.
    """
    _parse(argv)
    import jax
    from jax.experimental import topologies

    from cinegan_jax.preflight.estimate import plan_of
    from cinegan_jax.preflight.preflight import MANY_BATCHES
    from cinegan_jax.preflight.step_cost import cost_from_shapes, cost_when_compiled
    from cinegan_jax.training.run import Run

    config, named = FLAGS.config, topology(FLAGS.topology)
    devices = jax.devices()
    if not FLAGS.fast:
        described = topologies.get_topology_desc(
            platform="tpu", topology_name=named.name, **named.chip.libtpu
        )
        devices = described.devices
    pairs = FLAGS.pairs if FLAGS.pairs is not None else _examples_here(config)
    run = Run(config, devices, MANY_BATCHES * config.batch_size if pairs is None else pairs)
    steps = None if pairs is None and not config.num_steps else run.total_steps
    cost = cost_from_shapes(run) if FLAGS.fast else cost_when_compiled(run)
    found = plan_of(run, cost, pairs=pairs, steps=steps)
    return dataclasses.asdict(found) | {"device_kind": named.chip.kind}


def _parse(argv: Sequence[str]) -> None:
    message = explain(argv)
    if message:
        raise UserError(message)
    try:
        rest = FLAGS(list(argv))[1:]
    except flags.Error as error:
        raise UserError(str(error)) from error
    if rest:
        raise UserError(f"arguments without a flag: {' '.join(rest)}")


def _examples_here(config: ml_collections.ConfigDict) -> int | None:
    """The number of training pairs or pictures, where they are on this machine."""
    data = config.data
    if data.path not in ALWAYS_HERE and not Path(data.path).is_dir():
        return None
    learns_from = build_family(config).learns_from
    return len(open_source(learns_from, data.path, "train", size=data.size, look=data.look))


if __name__ == "__main__":
    logging.set_verbosity(logging.ERROR)
    sys.exit(main(sys.argv))
