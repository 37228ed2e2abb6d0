"""The job queue: order, number of requests, cancelled jobs."""

import asyncio

import pytest
from serving import EchoWorker, Gate

from cinegan_jax.web.jobs import DevelopPhoto, Job, JobQueue, QueueFull, Urgency


def photo(number: int) -> DevelopPhoto:
    return DevelopPhoto(bytes([number]), "a.jpg", "plain")


async def finish(jobs: JobQueue, waited_for: list[Job]) -> None:
    working = asyncio.create_task(jobs.work())
    await asyncio.wait([job.answer for job in waited_for], timeout=20)
    working.cancel()


def test_urgent_jobs_run_first_and_others_in_order_of_arrival() -> None:
    worker = EchoWorker()

    async def run() -> None:
        jobs = JobQueue(worker, 8)
        order = [(1, Urgency.WARM_UP), (2, Urgency.FULL_SIZE), (3, Urgency.PREVIEW)]
        order += [(4, Urgency.FULL_SIZE), (5, Urgency.PREVIEW)]
        await finish(jobs, [jobs.add(photo(number), urgency) for number, urgency in order])

    asyncio.run(run())
    assert worker.photos() == [b"\3", b"\5", b"\2", b"\4", b"\1"]


def test_a_cancelled_job_is_not_started() -> None:
    worker = EchoWorker()

    async def run() -> None:
        jobs = JobQueue(worker, 8)
        first, second, third = (jobs.add(photo(n), Urgency.FULL_SIZE) for n in (1, 2, 3))
        second.cancel()
        assert (jobs.ahead_of(first), jobs.ahead_of(third)) == (0, 1)
        await finish(jobs, [first, third])
        assert jobs.ahead_of(first) is None

    asyncio.run(run())
    assert worker.photos() == [b"\1", b"\3"]


def test_cancelling_the_running_job_starts_the_next() -> None:
    gate = Gate()

    async def run() -> None:
        jobs = JobQueue(EchoWorker(gate), 8)
        working = asyncio.create_task(jobs.work())
        first, second = (jobs.add(photo(n), Urgency.FULL_SIZE) for n in (1, 2))
        await asyncio.to_thread(gate.wait_for_task)
        first.cancel()
        await asyncio.to_thread(gate.wait_for_task)
        gate.open()
        assert (await second.answer).content == b"\2"
        working.cancel()

    asyncio.run(run())


def test_a_failure_affects_only_its_job() -> None:
    def fail(task: object, watch: object) -> None:
        if task == photo(1):
            raise RuntimeError("no")

    async def run() -> None:
        jobs = JobQueue(EchoWorker(fail), 8)
        first, second = (jobs.add(photo(n), Urgency.FULL_SIZE) for n in (1, 2))
        await finish(jobs, [first, second])
        assert isinstance(first.answer.exception(), RuntimeError)
        assert second.answer.result().content == b"\2"

    asyncio.run(run())


def test_slots_are_limited_and_reused() -> None:
    async def run() -> None:
        jobs = JobQueue(EchoWorker(), 2)
        with jobs.slot():
            with jobs.slot(), pytest.raises(QueueFull), jobs.slot():
                pass
            with jobs.slot():
                assert jobs.requests == 2

    asyncio.run(run())
