"""Records that outlive whoever appends them."""

import subprocess

import pytest

from cinegan_jax.core.json_lines import JsonLines, read_json_lines

RECORDS = [{"a": 1}, {"b": "ü\n"}, {"c": [1.5, None]}]


def append(path, *records):
    lines = JsonLines(path)
    try:
        for record in records:
            lines.append(record)
    finally:
        lines.close()


def test_records_come_back(tmp_path):
    path = tmp_path / "a.jsonl"
    assert list(read_json_lines(path)) == []
    append(path, *RECORDS[:2])
    append(path, RECORDS[2])
    assert list(read_json_lines(path)) == RECORDS
    assert path.read_bytes().count(b"\n") == 3


def test_a_line_cut_short_anywhere_costs_only_itself(tmp_path):
    path = tmp_path / "a.jsonl"
    append(path, *RECORDS)
    whole = path.read_bytes()
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        kept = RECORDS[: whole[:length].count(b"\n")]
        assert list(read_json_lines(path)) == kept
        append(path, {"after": length})
        assert list(read_json_lines(path)) == [*kept, {"after": length}]


def test_a_long_line_cut_short_is_removed(tmp_path):
    path = tmp_path / "a.jsonl"
    append(path, {"a": 1})
    with path.open("ab") as file:
        file.write(b"x" * 200_000)
    append(path, {"b": 2})
    assert list(read_json_lines(path)) == [{"a": 1}, {"b": 2}]


def test_what_is_no_record_is_passed_over(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": 1}\n\xff\xfe\n[1]\n\n"text"\n{"b": 2}\n')
    assert list(read_json_lines(path)) == [{"a": 1}, {"b": 2}]


def test_a_full_disk_takes_the_whole_line_or_nothing(mount_disk):
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
