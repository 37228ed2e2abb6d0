"""Whether a run fits a TPU slice and how long it takes, before the slice is rented."""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence

from cinegan_jax.core.errors import UserError, how_to_install
from cinegan_jax.preflight.chips import Topology
from cinegan_jax.preflight.estimate import Plan
from cinegan_jax.preflight.step_cost import StepCost

WORKER = "cinegan_jax.preflight.worker"
TAIL_LINES = 5
MANY_BATCHES = 10**6
"""In an epoch whose length nobody knows or wants to: longer than any warmup."""


def ask(slice_: Topology, flags: Sequence[str], *, fast: bool, timeout: float) -> Plan:
    """The plan of a config on a slice, by a process of its own.

    Args:
      slice_: what to compile for.
      flags: `--config=FILE`, `--config.KEY=VALUE` and `--pairs=N`, as the worker takes them.
      fast: from shapes alone, in seconds; else the step is compiled, in minutes.
      timeout: seconds.

    Raises:
      UserError: the config cannot be run so, libtpu is missing, or the process failed.
    """
    if not fast and importlib.util.find_spec("libtpu") is None:
        raise UserError(f"compiling for TPUs needs libtpu: {how_to_install('tpu')}, or give --fast")
    command = [sys.executable, "-m", WORKER, *flags, f"--topology={slice_.name}"]
    command += ["--fast"] if fast else []
    with tempfile.TemporaryFile("w+") as log:
        try:
            done = subprocess.run(
                command,
                env=environment(slice_, fast),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                timeout=timeout,
            )
        except subprocess.TimeoutExpired as error:
            raise UserError(
                f"compiling for {slice_.name} took more than {timeout:.0f} s; raise --timeout"
            ) from error
        log.seek(0)
        return _plan(done.returncode, done.stdout, log.read())


def largest_batch(fits: Callable[[int], bool], start: int, unit: int = 1) -> int:
    """The largest batch that fits, to within a quarter of itself; 0 when `unit` does not fit.

    Doubles or halves from `start`, then bisects; each call of `fits` may be a compile.

    Args:
      fits: whether so many pairs do.
      start: where to begin; a multiple of `unit`.
      unit: only multiples of it are tried.
    """
    if fits(start):
        low, high = start, 2 * start
        while fits(high):
            low, high = high, 2 * high
    else:
        low, high = 0, start
        while not low and high > unit:
            half = max(unit, high // 2 // unit * unit)
            low, high = (half, high) if fits(half) else (0, half)
    while low and high - low > max(unit, low // 4):
        middle = (low + high) // 2 // unit * unit
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def environment(slice_: Topology, fast: bool) -> dict[str, str]:
    """The worker's: no TPU is looked for, and libtpu's lock is not waited on.

    At level O1 the compiler tries fewer tilings of convolutions: the program takes the same memory,
    arithmetic and traffic (docs/results.md), and a quarter of the time to compile.
    """
    here = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    if fast:
        here["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={slice_.devices}"
    return here | {
        "JAX_PLATFORMS": "cpu",
        "JAX_OPTIMIZATION_LEVEL": "O1",
        "JAX_ENABLE_COMPILATION_CACHE": "false",
        "TPU_SKIP_MDS_QUERY": "1",
        "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
    }


def _plan(code: int, answer: str, log: str) -> Plan:
    """The worker's answer.

    Raises:
      UserError: what the worker says, or how it ended.
    """
    if code == 0:
        found = json.loads(answer.splitlines()[-1])
        if "error" in found:
            raise UserError(found["error"])
        return Plan(**found | {"cost": StepCost(**found["cost"])})
    if code == -9:
        raise UserError("the compiler was killed: most likely this machine has too little memory")
    last = "\n".join(log.strip().splitlines()[-TAIL_LINES:])
    raise UserError(f"the compiler ended with code {code}:\n{last}")
