"""Photos spread over devices and processes, and their scores brought together."""

import math
import threading
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from several_processes import in_processes

from cinegan_jax.metrics import devices


@pytest.mark.parametrize(("count", "processes"), [(10, 3), (2, 4), (0, 2), (7, 1)])
def test_each_photo_belongs_to_one_process(
    monkeypatch: pytest.MonkeyPatch, count: int, processes: int
) -> None:
    monkeypatch.setattr(jax, "process_count", lambda: processes)
    owned = []
    for process in range(processes):
        monkeypatch.setattr(jax, "process_index", lambda process=process: process)
        owned += devices.own_indices(count)
    assert sorted(owned) == list(range(count))


def test_every_device_scores_and_the_order_stays() -> None:
    everyone = threading.Barrier(8, timeout=60)

    def score(item: int) -> Any:
        everyone.wait()  # passes only when eight items are scored at once
        return item, jnp.square(jnp.float32(item)).devices()

    results = list(devices.map_on_devices(score, range(16)))
    assert [item for item, _ in results] == list(range(16))
    assert set().union(*(devices for _, devices in results[:8])) == set(jax.local_devices())


def test_an_error_ends_the_scoring_in_its_turn() -> None:
    begun = []

    def score(item: int) -> Any:
        begun.append(item)
        if item == 2:
            raise ValueError("broken")
        return item

    results = devices.map_on_devices(score, range(100), jax.devices()[:1])
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="broken"):
        next(results)
    assert len(begun) == 3 + devices._AHEAD


def test_few_scores_wait_for_a_slow_reader() -> None:
    begun = []
    results = devices.map_on_devices(begun.append, range(100), jax.devices()[:2])
    next(results)
    time.sleep(0.05)
    assert len(begun) <= 2 * devices._AHEAD + 2
    assert len(list(results)) == 99


def test_rows_of_one_process_come_back_in_order() -> None:
    rows = {5: {"name": "b", "psnr": math.inf}, 1: {"name": "ä", "psnr": 1 / 3}}
    assert list(devices.gather_rows(rows).items()) == [(1, rows[1]), (5, rows[5])]
    assert devices.gather_rows({}) == {}
    assert math.isnan(devices.gather_rows({0: math.nan})[0])


def gathered() -> tuple[int, dict[int, Any], list[bytes]]:
    """Gather, in one process, the rows of nine photos and bytes of unlike lengths."""
    photos = np.random.default_rng(3).normal(size=9).tolist()
    rows = {index: {"score": photos[index]} for index in devices.own_indices(9)}
    content = np.random.default_rng(jax.process_index()).bytes(
        [devices._PIECE + 3, 0][jax.process_index()]
    )
    return len(rows), devices.gather_rows(rows), devices.gather_bytes(content)


@pytest.mark.slow
def test_two_processes_have_the_rows_of_both() -> None:
    photos = np.random.default_rng(3).normal(size=9).tolist()
    expected = np.random.default_rng(0).bytes(devices._PIECE + 3)
    for process, (own, rows, content) in enumerate(in_processes(gathered)):
        assert own == [5, 4][process]
        assert list(rows) == list(range(9))
        assert [row["score"] for row in rows.values()] == photos
        assert content == [expected, b""]
