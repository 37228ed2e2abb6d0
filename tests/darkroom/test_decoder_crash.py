"""Files whose decoder or encoder crashes or hangs: the others are developed, and they are named."""

import shutil
from collections.abc import Callable
from pathlib import Path

import crashing_desk
import pytest
from click.testing import Result

from cinegan_jax.photos import photo_process

CRASHING = ("probe_crash", "read_crash", "write_crash")


@pytest.mark.parametrize("jobs", [1, 2])
def test_no_file_ends_a_batch(
    apply: Callable[..., Result],
    write_photo: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    jobs: int,
) -> None:
    monkeypatch.setattr(photo_process, "_Desk", crashing_desk.CrashingDesk)
    photo = write_photo(tmp_path / "in" / "a.png")
    for name in ("b", "z", "write_spoil", *CRASHING):
        shutil.copy(photo, photo.with_name(f"{name}.png"))
    command = (tmp_path / "in", "-o", tmp_path / "out", "--strength", 0, "--jobs", jobs)
    result = apply(*command)
    assert result.exit_code == 1
    assert "4 developed, 0 skipped, 3 failed" in result.stdout
    for name in CRASHING:
        codec = "encoder" if name.startswith("write") else "decoder"
        assert f"{name}.png: its {codec} crashed (SIGABRT)" in result.stdout
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert made == {f"{name}_classic_neg.png" for name in ("a", "b", "z", "write_spoil")}
    assert "0 developed, 4 skipped, 3 failed" in apply(*command).stdout
