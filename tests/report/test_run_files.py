"""Workdirs whole, half-written and of other kinds."""

import os
import shutil
from pathlib import Path

import pytest
from etils import epath

from cinegan_jax.core.errors import UserError
from cinegan_jax.report.run_files import RunFiles, read_run


def read(workdir: Path) -> RunFiles:
    return read_run(epath.Path(workdir))


def test_a_whole_workdir_leaves_nothing_to_note(workdir: Path) -> None:
    os.utime(workdir / "metrics.jsonl", (1000, 1000))
    os.utime(workdir / "health.jsonl", (900, 900))
    files = read(workdir)
    assert files.notes == ()
    assert files.last_step == 400
    assert (len(files.metrics), len(files.checks), len(files.alarms)) == (44, 8, 1)
    assert list(files.samples) == [100, 200, 300, 400]
    assert files.checkpoints == (200, 400)
    assert files.evaluation is not None
    assert [start.step for start in files.starts] == [0, 250]
    assert files.updated == 1000


@pytest.mark.parametrize("kind", ["missing", "file", "empty"])
def test_a_folder_that_is_no_workdir_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "other"
    if kind == "file":
        path.write_text("")
    if kind == "empty":
        path.mkdir()
    with pytest.raises(UserError, match=r"other is no .*workdir"):
        read(path)


def test_parts_that_are_missing_are_named(workdir: Path) -> None:
    for name in ("config.json", "versions.json", "health.jsonl", "evaluation.json"):
        (workdir / name).unlink()
    for name in ("samples", "checkpoints", "tensorboard"):
        shutil.rmtree(workdir / name)
    files = read(workdir)
    assert files.notes == ("config.json is missing.", "versions.json is missing.")
    assert not files.watched
    assert (files.samples, files.checkpoints, files.starts) == ({}, (), ())
    assert len(files.metrics) == 44


def test_lines_cut_short_and_of_other_kinds_are_counted(workdir: Path) -> None:
    with (workdir / "metrics.jsonl").open("ab") as file:
        file.write(b'[1]\n{"step": "x"}\n{"epoch": 1}\n\xff\xfe\n{"step": 410, "loss_gen')
    files = read(workdir)
    assert len(files.metrics) == 44
    (note,) = files.notes
    assert note.startswith("metrics.jsonl: 5 of 49 lines are broken")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("config.json", "{", "config.json cannot be read"),
        ("config.json", "[]", "config.json holds no JSON object"),
        ("evaluation.json", '{"size": 512, "scores": []}', "has means only"),
        ("evaluation.json", "{", "is no JSON"),
    ],
)
def test_a_broken_file_becomes_a_note(workdir: Path, name: str, content: str, words: str) -> None:
    (workdir / name).write_text(content)
    (note,) = read(workdir).notes
    assert words in note


def test_a_workdir_in_a_bucket_is_read(workdir: Path, bucket: epath.Path) -> None:
    for path in workdir.rglob("*"):
        if path.is_file():
            target = bucket / path.relative_to(workdir).as_posix()
            target.write_bytes(path.read_bytes())
    found, here = read_run(bucket), read(workdir)
    assert (found.metrics, found.checks, found.config) == (here.metrics, here.checks, here.config)
    assert list(found.samples) == list(here.samples)
    assert [start.begun for start in found.starts] == [start.begun for start in here.starts]
    assert found.updated is not None
