"""Broken JSON files: one line that names the file, and no traceback."""

from pathlib import Path

import pytest

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.json_file import parse_json, read_json_object
from cinegan_jax.core.json_lines import read_json_lines

BROKEN = {
    "empty": b"",
    "list": b"[]",
    "number": b"7",
    "null": b"null",
    "deep": b"[" * 10_000 + b"]" * 10_000,
    "deep objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "a little deep": b'{"a":' * 60 + b"1" + b"}" * 60,
    "not UTF-8": b'{"a": "\xff\xfe"}',
    "cut short": b'{"a": ',
    "digits": b'{"a": ' + b"9" * 6000 + b"}",
    "zeros": bytes(1000),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_named_in_one_line(tmp_path: Path, case: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(BROKEN[case])
    with pytest.raises(UserError, match=r"a\.json (is no JSON file|holds no JSON object)") as error:
        read_json_object(path, "make another")
    assert "\n" not in str(error.value)
    assert str(error.value).endswith(": make another")


def test_a_folder_and_a_missing_file(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.json"):
        with pytest.raises(UserError, match="cannot be read"):
            read_json_object(path)


def test_a_large_file_is_not_parsed(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with path.open("wb") as file:
        file.truncate(2**40)  # takes no space
    with pytest.raises(UserError, match="the limit"):
        read_json_object(path)


def test_nesting_within_the_limit_is_read() -> None:
    value = parse_json('{"a":' * 40 + "1" + "}" * 40)
    for _ in range(40):
        value = value["a"]
    assert value == 1


def test_lines_that_are_too_deep_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n".join([b'{"step": 1}', *BROKEN.values(), b'{"step": 2}', b""]))
    assert list(read_json_lines(path)) == [{"step": 1}, {"step": 2}]
