"""JSON lines: records after kills and full disks, and the removal of later steps."""

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from cinegan_jax.core.json_lines import JsonLines, drop_after, read_json_lines

RECORDS: list[dict[str, Any]] = [{"a": 1}, {"b": "ü\n"}, {"c": [1.5, None]}]


def append(path: Path, *records: Mapping[str, Any]) -> None:
    lines = JsonLines(path)
    try:
        for record in records:
            lines.append(record)
    finally:
        lines.close()


def test_records_come_back(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    assert list(read_json_lines(path)) == []
    append(path, *RECORDS[:2])
    append(path, RECORDS[2])
    assert list(read_json_lines(path)) == RECORDS
    assert path.read_bytes().count(b"\n") == 3


def test_a_line_cut_short_anywhere_loses_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append(path, *RECORDS)
    whole = path.read_bytes()
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        kept = RECORDS[: whole[:length].count(b"\n")]
        assert list(read_json_lines(path)) == kept
        append(path, {"after": length})
        assert list(read_json_lines(path)) == [*kept, {"after": length}]


def test_a_long_line_cut_short_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append(path, {"a": 1})
    with path.open("ab") as file:
        file.write(b"x" * 200_000)
    append(path, {"b": 2})
    assert list(read_json_lines(path)) == [{"a": 1}, {"b": 2}]


def test_lines_that_are_not_records_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": 1}\n\xff\xfe\n[1]\n\n"text"\n{"b": 2}\n')
    assert list(read_json_lines(path)) == [{"a": 1}, {"b": 2}]


def test_a_full_disk_stores_the_whole_line_or_nothing(mount_disk: Callable[[str], Path]) -> None:
    disk = mount_disk("8k")
    lines = JsonLines(disk / "a.jsonl")
    record = {"text": "x" * 1000}
    with pytest.raises(OSError, match="No space left"):
        append(lines.path, *[record] * 20)
    written = list(read_json_lines(lines.path))
    assert 0 < len(written) < 20
    assert all(found == record for found in written)
    assert lines.path.read_bytes().endswith(b"}\n")
    subprocess.run(["mount", "-o", "remount,size=1m", str(disk)], check=True)
    lines.append(record)
    assert len(list(read_json_lines(lines.path))) == len(written) + 1
    lines.close()


def test_dropping_later_records_keeps_the_others_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    drop_after(path, 5)
    assert not path.exists()
    kept = b'{"step":4,  "note":"\\u00fc"}\n{"step": 5}\n'
    path.write_bytes(kept + b'{"step":6}\n')
    drop_after(path, 5)
    assert path.read_bytes() == kept
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.jsonl"]


@pytest.mark.parametrize("broken", [b'{"step": 1, "a"', b"\xff", b"[1]", b'{"a": 1}', b'"text"'])
def test_dropping_later_records_removes_broken_lines(
    tmp_path: Path, broken: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"step": 1}\n' + broken + b'\n{"step": 2}\n' + broken)
    drop_after(path, 9)
    assert path.read_bytes() == b'{"step": 1}\n{"step": 2}\n'
    assert caplog.text.count(f"broken line from {path}") == 2


def test_a_file_without_later_records_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append(path, {"step": 1}, {"step": 2})
    before = path.stat()
    drop_after(path, 2)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_writer_goes_on_after_later_records_are_dropped(tmp_path: Path) -> None:
    lines = JsonLines(tmp_path / "a.jsonl")
    for step in (1, 2, 3):
        lines.append({"step": step})
    lines.close()
    drop_after(lines.path, 1)
    lines.append({"step": 2, "again": True})
    lines.close()
    assert list(read_json_lines(lines.path)) == [{"step": 1}, {"step": 2, "again": True}]


def test_a_full_disk_leaves_the_file_when_later_records_are_dropped(
    mount_disk: Callable[[str], Path],
) -> None:
    disk = mount_disk("16k")
    path = disk / "a.jsonl"
    append(path, *({"step": step, "text": "x" * 1000} for step in range(9)))
    before = path.read_bytes()
    with pytest.raises(OSError, match="No space left"):
        drop_after(path, 7)
    assert path.read_bytes() == before
