"""Signals that ask a run to stop, with real processes."""

import os
import re
import signal
import subprocess
import sys

import pytest

from cinegan_jax.training.preemption import PREEMPTED_EXIT_CODE, PreemptionGuard

STEP_UNTIL_STOPPED = """
import signal, sys, time
from cinegan_jax.training.preemption import PreemptionGuard

with PreemptionGuard() as guard:
    print("ready", flush=True)
    step = 1
    while not guard.should_stop(step):
        time.sleep(0.01)  # a step
        step += 1
    print("saving", flush=True)
    if sys.argv[1:] == ["for ever"]:
        while True:
            signal.pause()
sys.exit(guard.exit_code)
"""


def start(*arguments: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", STEP_UNTIL_STOPPED, *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_signal_stops_after_the_step_with_its_exit_code(number: int, code: int) -> None:
    process = start()
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == code


def test_a_second_ctrl_c_kills() -> None:
    process = start("for ever")
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert process.stdout.readline() == "saving\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT


def test_only_a_signal_stops_and_the_old_handlers_come_back() -> None:
    old = (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT))
    with PreemptionGuard() as guard:
        assert not guard.should_stop(1)
        os.kill(os.getpid(), signal.SIGTERM)
        assert guard.should_stop(2)
        assert guard.exit_code == PREEMPTED_EXIT_CODE == 75
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == old
    with PreemptionGuard() as again:
        assert not again.should_stop(1)


STEP_WITH_ANOTHER_HOST = """
import sys, time
import jax
jax.distributed.initialize(sys.argv[1], 2, int(sys.argv[2]))
from cinegan_jax.training.preemption import PreemptionGuard

with PreemptionGuard() as guard:
    print("ready", flush=True)
    for step in range(1, 2000):
        time.sleep(0.01 + 0.01 * int(sys.argv[2]))  # steps of unlike length
        if guard.should_stop(step):
            print(f"stopped after {step}.", flush=True)
            break
sys.exit(guard.exit_code)
"""


@pytest.mark.parametrize(
    ("signals", "codes"),
    [
        ((signal.SIGTERM,), [75, 75]),
        ((signal.SIGTERM, signal.SIGTERM), [75, 75]),
        ((signal.SIGINT,), [75, 130]),
    ],
    ids=["SIGTERM", "SIGTERM twice", "SIGINT"],
)
def test_two_hosts_stop_at_one_step_when_one_is_signalled(
    coordinator: str, signals: tuple[int, ...], codes: list[int]
) -> None:
    hosts = [
        subprocess.Popen(
            [sys.executable, "-c", STEP_WITH_ANOTHER_HOST, coordinator, str(n)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for n in range(2)
    ]
    for host in hosts:
        assert host.stdout is not None
        assert host.stdout.readline() == "ready\n"
    for number in signals:
        hosts[1].send_signal(number)
    said = [host.communicate(timeout=120)[0] for host in hosts]
    steps = [re.findall(r"stopped after (\d+)\.", text) for text in said]
    assert len(steps[0]) == 1
    assert steps[0] == steps[1]
    assert [host.returncode for host in hosts] == codes
