"""Training with several processes: join them, and make sure that none waits forever.

JAX's coordination service, run by process 0, monitors the processes. When one is gone, it aborts
the others (SIGABRT, after a message): at once if that was process 0, otherwise after the heartbeat
timeout. This module adds readable errors where JAX would abort during its start, and an end for a
process that fails on its own.
"""

import contextlib
import os
import socket
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import orbax.checkpoint as ocp

from cinegan_jax.core.errors import UserError

CRASH_EXIT_CODE = 1
"""Exit code of a crash, which another start may fix; Python's own after an exception."""

ALL_FAILED_SECONDS = 10
"""Seconds that a failed process waits for the others to fail as well, before it leaves."""


class CoordinatorSilent(UserError):
    """Process 0 does not answer, which another start may fix."""

    exit_code = CRASH_EXIT_CODE


@dataclass(frozen=True)
class Cluster:
    """The processes of a run, and this one's place among them.

    Attributes:
      address: HOST:PORT of process 0.
      processes: number of processes.
      process: number of this process, from 0.
      local_devices: the devices of the host that belong to this process; None: all.
    """

    address: str
    processes: int
    process: int
    local_devices: Sequence[int] | None = None


def find_cluster(
    address: str | None, processes: int | None, process: int | None, seconds: int
) -> Cluster | None:
    """Return the cluster that the flags name or, without flags, the one that JAX detects.

    JAX detects Cloud TPU slices, GKE, Slurm and Open MPI.

    Args:
      address, processes, process: fields of `Cluster`; all or none. A process alone needs none.
      seconds: time to wait for the address of a coordinator that is being started.

    Returns:
      None where this process trains alone.

    Raises:
      UserError: a flag is missing or out of range, or the detected cluster has no known size.
    """
    if processes == 1:
        return None
    given = {"coordinator_address": address, "num_processes": processes, "process_id": process}
    missing = [f"--{name}" for name, value in given.items() if value is None]
    if address is None or processes is None or process is None:
        if len(missing) < len(given):
            raise UserError(f"{' and '.join(missing)} must be given too: all three, or none")
        return _found_by_jax(seconds)
    if processes < 1:
        raise UserError(f"--num_processes={processes} must be 1 or more")
    if not 0 <= process < processes:
        raise UserError(f"--process_id={process} must be 0 to {processes - 1} (--num_processes)")
    _host_and_port(address)
    return Cluster(address, processes, process)


def join(
    cluster: Cluster | None,
    initialization_timeout: int,
    heartbeat_timeout: int,
    saves_on_sigterm: bool,
) -> None:
    """Join the other processes; do nothing where this one is alone.

    Call it before anything touches a device. Afterwards only process 0 has a standard output.

    Args:
      cluster: the result of `find_cluster`.
      initialization_timeout: seconds to wait for the other processes.
      heartbeat_timeout: seconds of silence after which a process counts as gone.
      saves_on_sigterm: whether a `PreemptionGuard` will handle SIGTERM, which kills otherwise.

    Raises:
      CoordinatorSilent: the coordinator does not answer in time.
      UserError: its port is taken.
    """
    if cluster is None:
        return
    if cluster.process == 0:
        _require_free_port(cluster.address)
        print(f"waiting for {cluster.processes} processes at {cluster.address}", flush=True)
    else:
        _await_coordinator(cluster.address, initialization_timeout)
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (for as long as the process lives)
    jax.config.update("jax_enable_preemption_service", saves_on_sigterm)
    jax.distributed.initialize(
        cluster.address,
        cluster.processes,
        cluster.process,
        cluster.local_devices,
        cluster_detection_method="deactivate",
        initialization_timeout=initialization_timeout,
        heartbeat_timeout_seconds=heartbeat_timeout,
        shutdown_timeout_seconds=heartbeat_timeout,
    )
    print(f"{cluster.processes} processes train together on {jax.device_count()} devices")


def fail(error: Exception) -> int:
    """Print an error and return its exit code.

    Where only this one of several processes failed, the call does not return: an orderly end would
    wait for the others, and they for this one.
    """
    if isinstance(error, UserError):
        print(f"error: {error}", file=sys.stderr)
        code = error.exit_code
    else:
        traceback.print_exception(error)
        code = CRASH_EXIT_CODE
    if jax.distributed.is_initialized() and not _all_failed():
        print("error: this process failed and exits; the others end too", file=sys.stderr)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)
    return code


def _all_failed() -> bool:
    with contextlib.suppress(Exception):  # whatever state JAX is in
        timeout_ms = ALL_FAILED_SECONDS * 1000
        ocp.multihost.get_barrier_sync_fn()(key="all failed", timeout_ms=timeout_ms)
        return True
    return False


def _found_by_jax(seconds: int) -> Cluster | None:
    # jax.distributed.initialize() asks the same; nothing public returns a cluster's size, and a
    # host alone must not open a port.
    from jax._src.clusters import ClusterEnv

    ask: Any = ClusterEnv.auto_detect_unset_distributed_params
    address = os.environ.get("JAX_COORDINATOR_ADDRESS")
    try:
        _, processes, _, _ = ask("not asked", None, None, [], None, seconds)
        if processes in (None, 1):
            return None
        return Cluster(*ask(address, None, None, None, None, seconds))
    except Exception as error:  # every kind of cluster fails in its own way
        raise UserError(
            f"JAX detects a cluster around this host but cannot read its size ({error!r}): give "
            "--coordinator_address, --num_processes and --process_id, or --num_processes=1 to "
            "train in this process alone"
        ) from error


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise UserError(f"--coordinator_address={address} must be HOST:PORT")
    return host.strip("[]"), int(port)


def _require_free_port(address: str) -> None:
    _, port = _host_and_port(address)
    try:
        socket.create_server(("", port)).close()
    except OSError as error:
        raise UserError(
            f"process 0 cannot listen on port {port} of {address} ({error.strerror}): end what "
            "uses it, or choose another port in --coordinator_address"
        ) from error


def _await_coordinator(address: str, seconds: int) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(_host_and_port(address), timeout=5).close()
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise CoordinatorSilent(
                    f"the coordinator {address} did not answer within {seconds} s ({error}): check "
                    "that process 0 runs there and that its port can be reached, or raise "
                    "--initialization_timeout_seconds"
                ) from error
            time.sleep(0.5)
