"""Starts of a run, read from event files."""

import os
from pathlib import Path

from etils import epath
from made_runs import NOW, write_start
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.record_writer import RecordWriter

from cinegan_jax.report.history import ProcessStart, read_starts
from cinegan_jax.training.metrics_log import MetricsLog


def test_each_process_is_a_start_that_ends_with_its_last_file(tmp_path: Path) -> None:
    first = write_start(tmp_path, 0, NOW)
    later = tmp_path / f"events.out.tfevents.{NOW + 50:.6f}"  # after an upload, or a full disk
    writer = RecordWriter(str(later))
    writer.write(Event(wall_time=NOW + 50, file_version="brain.Event:2").SerializeToString())
    writer.close()
    second = write_start(tmp_path, 120, NOW + 200)
    for path, seconds in ((first, 40), (later, 90), (second, 300)):
        os.utime(path, (NOW + seconds, NOW + seconds))
    found = read_starts(epath.Path(tmp_path))
    assert found == (ProcessStart(0, NOW, NOW + 90), ProcessStart(120, NOW + 200, NOW + 300))


def test_files_cut_short_are_passed_over(tmp_path: Path) -> None:
    whole = write_start(tmp_path, 0, NOW).read_bytes()
    for size in range(len(whole)):
        folder = tmp_path / str(size)
        folder.mkdir()
        (folder / "events.out.tfevents.1").write_bytes(whole[:size])
        assert len(read_starts(epath.Path(folder))) <= 1


def test_what_a_run_writes_is_read(tmp_path: Path) -> None:
    for start in (0, 30):
        with MetricsLog(epath.Path(tmp_path), start) as log:
            log.write_scalars(start + 10, {"loss": 1.0})
    assert [start.step for start in read_starts(epath.Path(tmp_path / "tensorboard"))] == [0, 30]
