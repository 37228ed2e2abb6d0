"""Concurrency limits of the task pool, in total and per host."""

import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest

from cinegan_jax.collect import task_pool
from cinegan_jax.collect.task_pool import Stopped, TaskPool


def never() -> None:
    raise AssertionError


def make(
    work: Callable[[str], object],
    ended: Callable[[str, object], None] = lambda task, result: None,
    jobs: int = 4,
    per_host: int = 2,
) -> TaskPool[str, object]:
    return TaskPool(work, lambda task: task[0], ended, jobs=jobs, per_host=per_host)


def test_every_task_finishes_once() -> None:
    results = []
    pool = make(str.upper, lambda task, result: results.append((task, result)))
    tasks = [f"{host}{number}" for host in "abc" for number in range(20)]
    for task in tasks:
        pool.add(task)
    assert pool.left == 60
    pool.run(never)
    assert sorted(results) == sorted((task, task.upper()) for task in tasks)
    assert pool.left == 0


@pytest.mark.parametrize(("jobs", "per_host"), [(1, 1), (3, 2), (8, 2)])
def test_concurrency_limits(jobs: int, per_host: int) -> None:
    lock, now, most = threading.Lock(), Counter(), Counter()

    def work(task: str) -> None:
        for change in (1, -1):
            with lock:
                now.update({task[0]: change, "all": change})
                for name in now:
                    most[name] = max(most[name], now[name])
            time.sleep(0.002)  # lets other threads in, in the case that they may

    pool = make(work, jobs=jobs, per_host=per_host)
    for number in range(30):
        pool.add(f"{'abc'[number % 3]}{number}")
    pool.run(never)
    assert most["all"] <= min(jobs, 3 * per_host)
    assert max(most[host] for host in "abc") <= min(jobs, per_host)


def test_a_slow_host_does_not_block_others() -> None:
    release, ended = threading.Event(), []

    def work(task: str) -> None:
        if task[0] == "a":
            assert release.wait(10)

    def note(task: str, result: object) -> None:
        ended.append(task)
        if len(ended) == 10:
            release.set()

    pool = make(work, note, jobs=4, per_host=2)
    for number in range(10):
        pool.add(f"a{number}")
        pool.add(f"b{number}")
    pool.run(never)
    assert {task[0] for task in ended[:10]} == {"b"}


def test_tasks_can_be_added_while_running() -> None:
    ended = []

    def note(task: str, result: object) -> None:
        ended.append(task)
        if len(task) < 4:
            pool.add(task + "x")

    pool = make(lambda task: None, note)
    pool.add("a")
    pool.run(never)
    assert ended == ["a", "ax", "axx", "axxx"]


def test_close_starts_no_further_task() -> None:
    pool = make(lambda task: None, lambda task, result: pool.close(), jobs=1)
    for number in range(5):
        pool.add(f"a{number}")
    pool.run(never)
    assert pool.left == 4


def test_tasks_that_finish_during_a_stop_are_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_pool, "GRACE", 0.2)
    stopped, silent, ended = threading.Event(), threading.Event(), []

    def work(task: str) -> None:
        match task[1]:
            case "1":
                stopped.wait(10)
            case "2":
                stopped.wait(10)
                raise Stopped
            case "3":
                silent.wait(10)

    def note(task: str, result: object) -> None:
        ended.append(task)
        if task[1] == "0":
            raise KeyboardInterrupt

    pool = make(work, note, per_host=4)
    for number in (1, 2, 3, 0, 4):
        pool.add(f"a{number}")
    with pytest.raises(KeyboardInterrupt):
        pool.run(stopped.set)
    silent.set()
    assert ended == ["a0", "a1"]
    assert pool.left == 3


def test_unexpected_errors_are_raised() -> None:
    def work(task: str) -> None:
        raise ZeroDivisionError

    pool = make(work)
    pool.add("a")
    with pytest.raises(ZeroDivisionError):
        pool.run(lambda: None)
