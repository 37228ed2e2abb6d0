"""Launch of a training process: join the cluster, train, and choose the exit code."""

from collections.abc import Callable
from dataclasses import dataclass

from absl import logging

from cinegan_jax.training import multihost


@dataclass(frozen=True)
class ClusterOptions:
    """The options of a command that say how several processes find one another.

    Attributes:
      coordinator_address: HOST:PORT of process 0; None: as JAX finds it.
      num_processes: number of processes; 1: this one trains alone; None: as JAX finds it.
      process_id: number of this process, from 0; None: as JAX finds it.
      initialization_timeout_seconds: how long to wait for the other processes to start.
      heartbeat_timeout_seconds: silence after which a process counts as gone.
    """

    coordinator_address: str | None = None
    num_processes: int | None = None
    process_id: int | None = None
    initialization_timeout_seconds: int = 300
    heartbeat_timeout_seconds: int = 100


def launch(work: Callable[[], int], options: ClusterOptions, *, saves_on_sigterm: bool) -> int:
    """Join the cluster, if there is one, do the work, and return the exit code of the process.

    Errors are printed: a UserError as its text, others with a traceback.

    Args:
      work: returns the exit code where nothing fails; nothing may have touched a device before.
      options: see `multihost.find_cluster`.
      saves_on_sigterm: whether `work` listens to SIGTERM; else it kills.
    """
    logging.set_verbosity(logging.WARNING)
    seconds = options.initialization_timeout_seconds
    try:
        cluster = multihost.find_cluster(
            options.coordinator_address, options.num_processes, options.process_id, seconds
        )
        multihost.join(cluster, seconds, options.heartbeat_timeout_seconds, saves_on_sigterm)
        return work()
    except Exception as error:
        return multihost.fail(error)
