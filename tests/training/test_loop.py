"""The order of things in a step, and when a run stops."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from cinegan_jax.training.loop import Loop


@dataclass
class Diary:
    """Stands in for all parts of a loop and writes down what is asked of them."""

    stop_at: int | None = None
    lines: list[str] = field(default_factory=list)
    drawn: int = 0
    longest_save: float | None = None

    def next_while(self, busy: Callable[[], bool]) -> int:
        self.drawn += 1
        return self.drawn

    def get_state(self) -> int:
        return self.drawn

    def step(self, step: int, state: Any, frozen: Any, batch: int) -> Any:
        assert step == state + 1
        self.lines.append(f"step on batch {batch}")
        return state + 1

    def should_stop(self, step: int, save_seconds: float | None) -> bool:
        return step == self.stop_at

    def save(
        self,
        step: int,
        state: Any,
        batches: Any,
        meta: Any,
        metrics: Mapping[str, float] | None,
        generator: Any,
    ) -> None:
        assert generator == -state
        self.lines.append(f"save {step}: {state}, {batches.get_state()} drawn, {metrics}")

    def hook(self, name: str, every: int, **measured: float) -> Any:
        return Written(every, lambda step: self.lines.append(f"{name} {step}"), measured)


@dataclass
class Written:
    every_steps: int
    write: Callable[[int], None]
    measured: Mapping[str, float]

    def __call__(self, step: int, state: Any, /) -> Mapping[str, float]:
        self.write(step)
        return self.measured


def run(diary: Diary, hooks: list[Any], every: int, start: int, last: int, keep: int = 0) -> int:
    loop = Loop(
        step=diary.step,
        frozen=None,
        batches=diary,
        to_save=lambda state: state,
        generator=lambda state: -state,
        hooks=hooks,
        before_save=[lambda: diary.lines.append("upload")],
        checkpoints=diary,
        save_every_steps=[every, keep] if keep else [every],
        meta=dict,
    )
    return loop.run(np.int32(start), start, last, diary)


def test_hooks_come_in_order_before_the_checkpoint_which_comes_before_the_next_batch() -> None:
    diary = Diary()
    hooks = [diary.hook("progress", 2), diary.hook("scores", 4, psnr=30.0)]
    assert run(diary, hooks, every=2, start=0, last=5) == 5
    assert diary.lines == [
        "step on batch 1",
        "step on batch 2",
        "progress 2",
        "upload",
        "save 2: 2, 2 drawn, None",
        "step on batch 3",
        "step on batch 4",
        "progress 4",
        "scores 4",
        "upload",
        "save 4: 4, 4 drawn, {'psnr': 30.0}",
        "step on batch 5",
        "progress 5",
        "scores 5",
        "upload",
        "save 5: 5, 5 drawn, {'psnr': 30.0}",
    ]


def test_a_resumed_run_keeps_the_beat_of_a_whole_one() -> None:
    diary = Diary()
    assert run(diary, [diary.hook("progress", 4)], every=10, start=6, last=9) == 9
    lines = [line for line in diary.lines if "batch" not in line]
    assert lines == ["progress 8", "progress 9", "upload", "save 9: 9, 3 drawn, None"]


def test_steps_to_be_kept_are_saved_beside_the_others() -> None:
    diary = Diary()
    run(diary, [], every=4, keep=3, start=0, last=9)
    saved = [line.split(":")[0] for line in diary.lines if line.startswith("save")]
    assert saved == ["save 3", "save 4", "save 6", "save 8", "save 9"]


def test_a_stop_saves_that_step_and_leaves() -> None:
    diary = Diary(stop_at=3)
    assert run(diary, [], every=10, start=0, last=9) == 3
    assert diary.lines[-3:] == ["step on batch 3", "upload", "save 3: 3, 3 drawn, None"]


def test_a_stop_at_the_last_step_finishes_the_run() -> None:
    diary = Diary(stop_at=9)
    assert run(diary, [], every=10, start=0, last=9) == 9
    assert diary.lines[-1].startswith("save 9")
    assert sum("save" in line for line in diary.lines) == 1


@pytest.mark.parametrize("start", [9, 12])
def test_a_finished_run_does_nothing(start: int) -> None:
    diary = Diary()
    assert run(diary, [diary.hook("progress", 1)], every=1, start=start, last=9) == 9
    assert diary.lines == []
    assert diary.drawn == 0
