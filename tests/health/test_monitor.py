"""When an alarm is raised, when it is over, and the state in between."""

import json
from collections.abc import Sequence
from dataclasses import replace

from cinegan_jax.health.monitor import Alarm, Monitor, alarm_record, check_record
from cinegan_jax.health.rules import Collapse, Divergence, NonFiniteSteps

COLLAPSE = Collapse("warn", patience=3, distance_to_targets=0.3)
FINE, SICK = 0.9, 0.1


def measured(distance: float) -> dict[str, float]:
    return {"output/pair_distance": distance, "target/pair_distance": 1.0}


def alarms_of(monitor: Monitor, distances: Sequence[float], first: int = 1) -> list[Alarm]:
    return [
        alarm
        for step, distance in enumerate(distances, first)
        for alarm in monitor.check(step, measured(distance)).alarms
    ]


def steps_of(monitor: Monitor, distances: Sequence[float], first: int = 1) -> list[int]:
    return [alarm.step for alarm in alarms_of(monitor, distances, first)]


def monitor(action: str = "warn", grace_steps: int = 0) -> Monitor:
    return Monitor({"collapse": replace(COLLAPSE, action=action)}, grace_steps)


def test_an_alarm_needs_patience_and_is_raised_once() -> None:
    assert steps_of(monitor(), [SICK] * 10) == [3]


def test_noisy_checks_raise_no_alarm() -> None:
    assert steps_of(monitor(), [SICK, SICK, FINE] * 5) == []


def test_an_alarm_is_raised_again_only_after_it_was_over() -> None:
    watch = monitor()
    # Two calm checks are not enough for it to be over, three are.
    checks = [SICK] * 3 + [FINE] * 2 + [SICK] * 3 + [FINE] * 3 + [SICK] * 3
    assert steps_of(watch, checks) == [3, 14]


def test_active_and_healthy() -> None:
    watch = monitor()
    seen = []
    for step, distance in enumerate([FINE, SICK, SICK, SICK, FINE, FINE, FINE]):
        watch.check(step, measured(distance))
        seen.append((watch.active, watch.healthy))
    active = ("collapse",)
    assert seen == [
        ((), True),
        ((), False),  # no alarm yet, but it may be on its way
        ((), False),
        (active, False),
        (active, False),
        (active, False),
        ((), True),
    ]


def test_an_alarm_that_lowers_a_rate_is_repeated_while_the_failure_lasts() -> None:
    assert steps_of(monitor("lower_rate"), [SICK] * 7 + [FINE] * 3) == [3, 6]


def test_most_rules_do_not_apply_during_the_grace_steps() -> None:
    assert steps_of(monitor(grace_steps=5), [SICK] * 8) == [8]
    broken = Monitor({"non_finite": NonFiniteSteps("warn", patience=1, steps=1)}, grace_steps=5)
    assert len(broken.check(1, {"steps/non_finite": 2}).alarms) == 1


def test_levels_are_compared_with_the_mean_of_the_first_checks() -> None:
    rule = Divergence("warn", patience=1, level_to_start=3.0, gradient_to_start=100.0)
    watch = Monitor({"divergence": rule}, grace_steps=0)
    for step, level in enumerate([1.0, 2.0, 3.0]):
        assert watch.check(step, {"level/l1": level}).alarms == []
    assert watch.check(4, {"level/l1": 5.9}).alarms == []
    diagnostics, (alarm,) = watch.check(5, {"level/l1": 6.2})
    assert diagnostics["level/l1_to_start"] == alarm.evidence[0].value == 3.1


def test_a_recalled_monitor_continues_as_if_uninterrupted() -> None:
    checks = [SICK] * 3 + [FINE] * 2 + [SICK] * 3 + [FINE] * 3 + [SICK] * 3
    for cut in range(len(checks)):
        before, after = monitor(), monitor()
        found = steps_of(before, checks[:cut])
        after.recall(json.loads(json.dumps(before.memory())))
        found += steps_of(after, checks[cut:], cut + 1)
        assert found == [3, 14], cut


def test_a_new_rule_starts_fresh() -> None:
    old = Monitor({}, grace_steps=0)
    new = monitor()
    new.recall(old.memory())
    assert steps_of(new, [SICK] * 3) == [3]


def test_the_records_of_a_check_and_of_its_alarm() -> None:
    watch = monitor("stop")
    (alarm,) = alarms_of(watch, [SICK] * 3)
    record = check_record(3, watch.check(4, measured(FINE)).diagnostics)
    assert record.pop("wall").startswith("20")
    assert record == {
        "step": 3,
        "kind": "check",
        "diagnostics": {
            "output/distance_to_targets": 0.9,
            "output/pair_distance": 0.9,
            "target/pair_distance": 1.0,
        },
    }
    record = json.loads(json.dumps(alarm_record(alarm)))
    message = record.pop("message")
    assert record == {
        "step": 3,
        "kind": "alarm",
        "rule": "collapse",
        "severity": "act",
        "evidence": {"output/distance_to_targets": 0.1},
        "limits": {"output/distance_to_targets": 0.3},
        "action": "stop",
    }
    for expected in (
        "the same image",
        "distance_to_targets 0.1 (limit 0.3)",
        "Measured in 3 checks in a row",
        "config.",
    ):
        assert expected in message


def test_a_warning_takes_no_action() -> None:
    (alarm,) = alarms_of(monitor(), [SICK] * 3)
    record = alarm_record(alarm)
    assert (record["severity"], record["action"]) == ("warn", "none")
