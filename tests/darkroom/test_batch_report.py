from collections import Counter
from pathlib import Path

import pytest

from cinegan_jax.darkroom.outcomes import BatchReport, Outcome, summary


def test_the_summary_groups_skipped_and_lists_failed_photos() -> None:
    skipped = [Outcome(Path(f"{number}.jpg"), "skipped", "exists") for number in range(7)]
    done = Outcome(Path("a.gif"), "done", result=Path("a_x.png"), notes=("first frame",))
    failed = [Outcome(Path(f"bad\n{number}.jpg"), "failed", "damaged") for number in range(7)]
    assert list(summary([*skipped, done, *failed], not_tried=2)) == [
        "1 developed, 7 skipped, 7 failed, 2 not tried",
        "  a_x.png",
        "note: a.gif: first frame",
        "skipped: 0.jpg, 1.jpg, 2.jpg, 3.jpg, 4.jpg and 2 more: exists",
        *(rf"failed: bad\n{number}.jpg: damaged" for number in range(7)),
    ]


def test_the_summary_counts_files_that_are_no_photos_by_ending() -> None:
    left_out = {
        "a video": Counter({".mov": 2}),
        "unknown": Counter({**{f".{letter}": 2 for letter in "abcdef"}, "": 9, ".e\n": 1}),
    }
    assert list(summary([], left_out=left_out)) == [
        "0 developed, 0 skipped, 0 failed",
        "left out: 2 .mov: a video",
        "left out: 9 without an ending, 2 .a, 2 .b, 2 .c, 2 .d, 5 others: unknown",
    ]


def test_results_are_listed_if_they_are_few() -> None:
    done = [Outcome(Path(f"{n}.jpg"), "done", result=Path(f"{n}_x.jpg")) for n in range(6)]
    assert list(summary(done[:1])) == ["1 developed, 0 skipped, 0 failed", "  0_x.jpg"]
    assert list(summary(done)) == ["6 developed, 0 skipped, 0 failed"]


def test_without_a_terminal_each_photo_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    long = Path("long " * 60 + ".jpg")
    with BatchReport(4) as report:
        report.share(Path("a.jpg"), 0.5)
        report.ended(Outcome(Path("a.jpg"), "done", result=Path("a [b]_x.jpg")))
        report.ended(Outcome(Path("b.jpg"), "skipped", "exists"))
        report.ended(Outcome(long, "failed", "damaged"))
    captured = capsys.readouterr()
    assert captured.err == f"a.jpg -> a [b]_x.jpg\n{long} failed: damaged\n"
    assert captured.out == ""
    assert [outcome.status for outcome in report.outcomes] == ["done", "skipped", "failed"]


def test_on_a_terminal_a_bar_shows_the_progress(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "200")
    with BatchReport(4) as report:
        report.ended(Outcome(Path("a.jpg"), "skipped", "exists"))
        report.ended(Outcome(Path("b.jpg"), "failed", "damaged"))
        report.share(Path("c[1].jpg"), 0.25)
        (task,) = report.bar.tasks
        assert (task.completed, task.total, task.description) == (1.25, 3, "c[1].jpg")
        report.bar.refresh()
    shown = capsys.readouterr().err
    assert "c[1].jpg" in shown
    assert "1 failed" in shown
    assert "->" not in shown
