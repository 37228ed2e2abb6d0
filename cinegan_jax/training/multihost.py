"""Several processes that train together: how this one joins them, and how none waits for ever.

JAX's coordination service, which process 0 runs, watches over them. Where one is gone it aborts the
others (SIGABRT, after a message of its own): at once where that was process 0, after the heartbeat
timeout where it was another. What this module adds are errors in words where JAX would abort while
it starts, and an end for a process that fails by itself.
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
"""Exit code after what another start may mend, as Python's own after an exception."""

ALL_FAILED_SECONDS = 10
"""How long a process that failed waits for the others to fail as well, before it leaves them."""


class CoordinatorSilent(UserError):
    """Process 0 is not there, which a start on other machines may mend."""

    exit_code = CRASH_EXIT_CODE


@dataclass(frozen=True)
class Cluster:
    """Where the processes of a run meet, and which of them this is.

    Attributes:
      address: HOST:PORT of process 0.
      processes: how many there are.
      process: this one's number, from 0.
      local_devices: the devices of the host that are this process'; None: all.
    """

    address: str
    processes: int
    process: int
    local_devices: Sequence[int] | None = None


def find_cluster(
    address: str | None, processes: int | None, process: int | None, seconds: int
) -> Cluster | None:
    """The cluster that the flags name or, without flags, the one that JAX finds around.

    JAX knows Cloud TPU slices, GKE, Slurm and Open MPI.

    Args:
      address, processes, process: of `Cluster`; all or none. One process alone needs no address.
      seconds: to wait for the name of a coordinator that is just being started.

    Returns:
      None where this process trains alone.

    Raises:
      UserError: a flag is missing or out of range, or the cluster found does not tell its size.
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
    """Brings this process together with the others; does nothing where it is alone.

    Call it before anything touches a device. Afterwards only process 0 has a standard output.

    Args:
      cluster: of `find_cluster`.
      initialization_timeout: seconds to wait for the others.
      heartbeat_timeout: seconds without a sign of life after which a process counts as gone.
      saves_on_sigterm: whether a `PreemptionGuard` will listen; SIGTERM kills otherwise.

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
    """Says what went wrong, and returns the exit code that tells it.

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
        print("error: this process failed and leaves; the others end too", file=sys.stderr)
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
    # What jax.distributed.initialize() asks as well; nothing public tells a cluster's size, and
    # one host alone is not to open a port.
    from jax._src.clusters import ClusterEnv

    ask: Any = ClusterEnv.auto_detect_unset_distributed_params
    address = os.environ.get("JAX_COORDINATOR_ADDRESS")
    try:
        _, processes, _, _ = ask("not asked", None, None, [], None, seconds)
        if processes in (None, 1):
            return None
        return Cluster(*ask(address, None, None, None, None, seconds))
    except Exception as error:  # each kind of cluster fails in its own way
        raise UserError(
            f"this host seems to belong to a cluster that cannot be asked ({error!r}): give "
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
                    f"the coordinator {address} did not answer within {seconds} s ({error}): see "
                    "whether process 0 runs there and its port can be reached, or raise "
                    "--initialization_timeout_seconds"
                ) from error
            time.sleep(0.5)
