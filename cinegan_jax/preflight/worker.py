"""Preflight of a run on a TPU slice that is not there, by a process of its own.

libtpu and the number of devices are fixed when JAX is imported, so `plan_on_slice` starts this
module as a program. It reads the request from standard input and prints the plan, both as JSON.
"""

import dataclasses
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import ml_collections
from absl import logging
from jax.experimental import topologies

from cinegan_jax.core.errors import UserError, how_to_install
from cinegan_jax.data.sources import open_source
from cinegan_jax.families.registry import build_family
from cinegan_jax.preflight.chips import Topology, parse_topology
from cinegan_jax.preflight.estimate import RunPlan, examples_or_many, make_step_plan
from cinegan_jax.preflight.step_cost import StepCost, cost_from_shapes, cost_when_compiled
from cinegan_jax.training.run import Run

WORKER = "cinegan_jax.preflight.worker"
LAST_LINES = 5
"""Lines of a failed worker's log that are shown."""
DATA_IN_THE_PACKAGE = ("samples", "shapes")
"""Values of `config.data.path` that need no files but those of the package."""


def plan_on_slice(
    config: ml_collections.ConfigDict,
    topology: Topology,
    *,
    fast: bool,
    timeout: float,
    examples: int | None = None,
) -> RunPlan:
    """Return the plan of a config on a slice.

    Args:
      config: the run's config.
      topology: the slice.
      fast: estimate from shapes, in seconds; else compile the step, in minutes.
      timeout: limit in seconds.
      examples: number of training examples; None: as many as there are on this machine.

    Raises:
      UserError: the config cannot be run so, libtpu is missing, or the process failed.
    """
    if not fast and importlib.util.find_spec("libtpu") is None:
        raise UserError(f"compiling for TPUs needs libtpu: {how_to_install('tpu')}, or give --fast")
    request = {
        "config": config.to_dict(),
        "topology": topology.name,
        "fast": fast,
        "examples": examples,
    }
    with tempfile.TemporaryFile("w+") as log:
        try:
            done = subprocess.run(
                [sys.executable, "-m", WORKER],
                input=json.dumps(request),
                env=worker_environment(topology, fast),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                timeout=timeout,
            )
        except subprocess.TimeoutExpired as error:
            raise UserError(
                f"compiling for {topology.name} took more than {timeout:.0f} s; raise --timeout"
            ) from error
        log.seek(0)
        return _read_answer(done.returncode, done.stdout, log.read())


def worker_environment(topology: Topology, fast: bool) -> dict[str, str]:
    """Return the worker's environment: it looks for no TPU and does not wait for libtpu's lock.

    At level O1 the compiler tries fewer tilings of convolutions: the program takes the same memory,
    arithmetic and traffic (docs/results.md), and a quarter of the time to compile.
    """
    here = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    if fast:
        here["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={topology.devices}"
    return here | {
        "JAX_PLATFORMS": "cpu",
        "JAX_OPTIMIZATION_LEVEL": "O1",
        "JAX_ENABLE_COMPILATION_CACHE": "false",
        "TPU_SKIP_MDS_QUERY": "1",
        "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
    }


def _read_answer(code: int, answer: str, log: str) -> RunPlan:
    """Return the worker's plan.

    Raises:
      UserError: the worker's own, or how it ended.
    """
    if code == 0:
        found = json.loads(answer.splitlines()[-1])
        if "error" in found:
            raise UserError(found["error"])
        return RunPlan(**found | {"cost": StepCost(**found["cost"])})
    if code == -9:
        raise UserError("the compiler was killed: most likely this machine has too little memory")
    last = "\n".join(log.strip().splitlines()[-LAST_LINES:])
    raise UserError(f"the compiler ended with code {code}:\n{last}")


def main() -> int:
    """Answer the request on standard input with a plan, or with `{"error": text}`."""
    logging.set_verbosity(logging.ERROR)
    try:
        answer = _plan(json.load(sys.stdin))
    except UserError as error:
        answer = {"error": str(error)}
    print(json.dumps(answer))
    return 0


def _plan(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of the plan that is asked for."""
    config = ml_collections.ConfigDict(request["config"])
    topology, fast = parse_topology(request["topology"]), request["fast"]
    devices = jax.devices()
    if not fast:
        described = topologies.get_topology_desc(
            platform="tpu", topology_name=topology.name, **topology.chip.libtpu
        )
        devices = described.devices
    examples = request["examples"]
    if examples is None:
        examples = _examples_here(config)
    run = Run(config, devices, examples_or_many(config, examples))
    cost = cost_from_shapes(run) if fast else cost_when_compiled(run)
    found = make_step_plan(run, cost, examples=examples)
    return dataclasses.asdict(found) | {"device_kind": topology.chip.kind}


def _examples_here(config: ml_collections.ConfigDict) -> int | None:
    """Return the number of training examples, if they are on this machine."""
    data = config.data
    if data.path not in DATA_IN_THE_PACKAGE and not Path(data.path).is_dir():
        return None
    learns_from = build_family(config).learns_from
    return len(open_source(learns_from, data.path, "train", size=data.size, look=data.look))


if __name__ == "__main__":
    sys.exit(main())
