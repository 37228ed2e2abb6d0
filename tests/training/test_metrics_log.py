"""The run's records after kills, restarts and a full disk."""

import json
import math
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from etils import epath
from PIL import Image
from tensorboardX.proto.event_pb2 import Event, SessionLog

from cinegan_jax.training.metrics_log import MetricsLog


def records(workdir: Path) -> list[dict]:
    return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


def events(workdir: Path) -> list[Event]:
    """Reads the record format by hand: length, its checksum, the event, its checksum."""
    found = []
    for path in sorted((workdir / "tensorboard").iterdir()):
        content = path.read_bytes()
        while content:
            (length,) = struct.unpack("<Q", content[:8].ljust(8, b"\xff"))
            if len(content) < 16 + length:
                break  # cut short: TensorBoard, too, shows what came before
            found.append(Event.FromString(content[12 : 12 + length]))
            content = content[16 + length :]
    return found


def test_writes_one_object_a_line(tmp_path: Path) -> None:
    with MetricsLog(tmp_path, 0) as log:
        log.write_scalars(1, {"loss": np.float32(0.1), "epoch": 0.25}, timing={"rate": 3.5})
        log.write_scalars(2, {"loss": math.nan, "skipped": 2})
        assert len(records(tmp_path)) == 2  # on disk before the log is closed
    assert records(tmp_path) == [
        {"step": 1, "loss": float(np.float32(0.1)), "epoch": 0.25, "timing": {"rate": 3.5}},
        {"step": 2, "loss": None, "skipped": 2},
    ]


def test_tensorboard_shows_scalars_and_images(tmp_path: Path, rng: np.random.Generator) -> None:
    image = rng.integers(0, 256, (5, 7, 3), np.uint8)
    with MetricsLog(tmp_path, 0) as log:
        log.write_scalars(3, {"loss": 0.5}, timing={"rate": 2.0})
        log.write_images(4, {"samples": image})
    values = [(e.step, v) for e in events(tmp_path) for v in e.summary.value]
    assert [(step, v.tag, v.simple_value) for step, v in values[:2]] == [
        (3, "loss", 0.5),
        (3, "timing/rate", 2.0),
    ]
    step, shown = values[2]
    assert (step, shown.tag) == (4, "samples")
    png = tmp_path / "shown.png"
    png.write_bytes(shown.image.encoded_image_string)
    np.testing.assert_array_equal(np.asarray(Image.open(png)), image)


def test_a_restart_drops_the_records_it_will_write_again(tmp_path: Path) -> None:
    with MetricsLog(tmp_path, 0) as log:
        for step in (10, 20, 30):
            log.write_scalars(step, {"loss": step / 10})
    with MetricsLog(tmp_path, 20) as log:
        log.write_scalars(30, {"loss": 33.0})
    assert records(tmp_path) == [
        {"step": 10, "loss": 1.0},
        {"step": 20, "loss": 2.0},
        {"step": 30, "loss": 33.0},
    ]
    starts = [e.step for e in events(tmp_path) if e.session_log.status == SessionLog.START]
    assert starts == [1, 21]  # TensorBoard hides what came before from these steps on


def test_a_run_without_a_checkpoint_starts_with_no_record(tmp_path: Path) -> None:
    with MetricsLog(tmp_path, 0) as log:
        log.write_scalars(1, {"loss": 1.0})
    with MetricsLog(tmp_path, 0):
        assert records(tmp_path) == []


@pytest.mark.parametrize("cut", range(1, 22))
def test_a_line_cut_short_is_repaired(tmp_path: Path, cut: int) -> None:
    whole = b'{"step": 1, "a": 0.5}\n{"step": 2, "a": 0.5}\n'
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(whole[:-cut])
    with MetricsLog(tmp_path, 2) as log:
        log.write_scalars(3, {"a": 0.5})
    steps = [record["step"] for record in records(tmp_path)]
    assert steps == ([1, 2, 3] if cut == 1 else [1, 3])


def test_a_full_disk_loses_whole_records_only(
    mount_disk: Callable[[str], Path], caplog: pytest.LogCaptureFixture
) -> None:
    small_disk = mount_disk("64k")
    filler = small_disk / "filler"
    filler.write_bytes(bytes(40_000))
    with MetricsLog(small_disk, 0) as log:
        for step in range(1, 1000):
            log.write_scalars(step, {"loss": 0.125, "other": 0.25})
        assert "disk is full" in caplog.text
        filler.unlink()
        log.write_scalars(1000, {"loss": 1.0})
    steps = [record["step"] for record in records(small_disk)]
    assert steps == sorted(set(steps))
    assert steps[-1] == 1000
    assert 10 < len(steps) < 1000
    assert [e.step for e in events(small_disk) if e.summary.value][-1] == 1000


def test_a_bucket_has_what_was_uploaded_and_another_machine_goes_on(bucket: epath.Path) -> None:
    with MetricsLog(bucket, 0) as log:
        log.write_scalars(1, {"loss": 0.5})
        assert not (bucket / "metrics.jsonl").exists()
        log.upload()
        assert records(bucket) == [{"step": 1, "loss": 0.5}]
        log.write_scalars(2, {"loss": 0.25})
        log.upload()
        log.write_scalars(3, {"loss": 0.125})  # a checkpoint of step 3 was never made
    with MetricsLog(bucket, 2) as log:
        log.write_scalars(3, {"loss": 3.0})
    assert records(bucket) == [
        {"step": 1, "loss": 0.5},
        {"step": 2, "loss": 0.25},
        {"step": 3, "loss": 3.0},
    ]
    starts = [e.step for e in events(bucket) if e.session_log.status == SessionLog.START]
    assert starts == [1, 3]
    losses = [v.simple_value for e in events(bucket) for v in e.summary.value]
    assert losses == [0.5, 0.25, 0.125, 3.0]


def test_an_event_goes_to_a_bucket_once(
    bucket: epath.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Event files grow with every image, so an upload copies only new ones."""
    written: list[str] = []
    write = type(bucket).write_bytes
    monkeypatch.setattr(
        type(bucket),
        "write_bytes",
        lambda path, data: written.append(path.name) or write(path, data),
    )
    with MetricsLog(bucket, 0) as log:
        for step in (1, 2, 3):
            log.write_scalars(step, {"loss": 0.5})
            log.upload()
        log.upload()
    assert written.count("metrics.jsonl") == 3
    files = [name for name in written if name.startswith("events")]
    assert len(files) == len(set(files)) == 3


def test_a_bucket_out_of_reach_is_tried_again_and_does_not_end_the_run(
    bucket: epath.Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with MetricsLog(bucket, 0) as log:
        with monkeypatch.context() as patch:
            patch.setattr(type(bucket), "write_bytes", lambda path, data: 1 / 0)
            log.write_scalars(1, {"loss": 0.5})
            log.upload()
        assert f"could not be copied to {bucket}" in caplog.text
        log.upload()
        assert records(bucket) == [{"step": 1, "loss": 0.5}]


def test_records_that_cannot_be_fetched_are_not_taken_for_none(
    bucket: epath.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: epath.Path) -> bytes:
        raise ConnectionError("down")

    monkeypatch.setattr(type(bucket), "read_bytes", fail)
    with pytest.raises(ConnectionError):
        MetricsLog(bucket, 5)


def test_wandb_continues_the_same_run_offline(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read W&B's own log back: values by step, the image, the config, one id for both starts."""
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    for name in ("WANDB_CONFIG_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "own"))
    image = rng.integers(0, 256, (5, 7, 3), np.uint8)
    with MetricsLog(epath.Path(tmp_path), 0, ("wandb",), {"seed": 7}) as log:
        log.write_scalars(3, {"loss": 0.5})
        log.write_images(4, {"samples": image})
    ended = int(time.time())
    while int(time.time()) == ended:  # wandb names the files of a start by the second
        time.sleep(0.01)
    with MetricsLog(epath.Path(tmp_path), 4, ("wandb",), {"seed": 7}) as log:
        log.write_scalars(5, {"loss": 0.25})
    assert not (tmp_path / "tensorboard").exists()
    ids, history = set(), []
    for file in sorted(tmp_path.rglob("run-*.wandb")):
        for record in wandb_records(file):
            if record.HasField("run"):
                ids.add(record.run.run_id)
                assert [u.value_json for u in record.run.config.update if u.key == "seed"] == ["7"]
            if record.HasField("history"):
                items = record.history.item
                history.append({"/".join(i.nested_key) or i.key: i.value_json for i in items})
    assert ids == {(tmp_path / "wandb_run_id.txt").read_text()}
    logged = [(float(row["loss"]), row["step"]) for row in history if "loss" in row]
    assert logged == [(0.5, "3"), (0.25, "5")]
    (png,) = tmp_path.rglob("samples*.png")
    np.testing.assert_array_equal(np.asarray(Image.open(png)), image)


def wandb_records(file: Path) -> list[Any]:
    """Parse LevelDB's log format by hand: blocks of parts with checksum, length and kind."""
    from wandb.proto.wandb_internal_pb2 import Record

    content, at, parts, records = file.read_bytes(), len(":W&B") + 3, b"", []
    while at + 7 <= len(content):
        if 2**15 - at % 2**15 < 7:  # no part begins in the last bytes of a block
            at += 2**15 - at % 2**15
            continue
        length, kind = struct.unpack_from("<HB", content, at + 4)
        parts += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # the whole record, or its last part
            records.append(Record.FromString(parts))
            parts = b""
    return records
