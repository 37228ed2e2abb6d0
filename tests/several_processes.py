"""A function run in several processes that know of each other, as hosts would."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import jax


def in_processes(function: Callable[[], Any], processes: int = 2, devices: int = 2) -> list[Any]:
    """Call a function of a module in each of `processes` processes and return the results."""
    import runs  # not in those processes, which it would only delay

    address = runs.free_address()
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawn) as pool:
        each = [
            pool.submit(_joined, function, address, processes, index, devices)
            for index in range(processes)
        ]
        return [result.result(timeout=120) for result in each]


def _joined(
    function: Callable[[], Any], address: str, processes: int, index: int, devices: int
) -> Any:
    jax.config.update("jax_num_cpu_devices", devices)
    jax.distributed.initialize(address, processes, index)
    try:
        return function()
    finally:
        jax.distributed.shutdown()
