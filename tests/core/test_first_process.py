"""Work that the first of several processes does for all of them."""

from pathlib import Path

import pytest
from several_processes import in_processes

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.processes import on_first_process


def _no_disk() -> None:
    raise UserError("no disk")


def failed() -> str:
    """Return the error that a process gets where process 0 fails."""
    with pytest.raises(UserError) as caught:
        on_first_process(_no_disk)
    return str(caught.value)


def test_a_single_process_does_the_work(tmp_path: Path) -> None:
    on_first_process((tmp_path / "done").touch)
    assert (tmp_path / "done").exists()
    with pytest.raises(UserError, match="no disk"):
        on_first_process(_no_disk)


def test_an_error_of_the_first_process_ends_all() -> None:
    assert in_processes(failed, devices=1) == [
        "no disk",
        "process 0 failed; its message says why",
    ]
