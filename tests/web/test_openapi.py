"""The description of the HTTP interface, compared with the server by generated requests."""

import subprocess
import sys
from pathlib import Path

from serving import EchoWorker, running

from cinegan_jax.core.errors import UserError
from cinegan_jax.web.jobs import DevelopPhoto, JobState, LookFile, WorkerTask
from cinegan_jax.web.limits import ServerLimits


def refuse_null(task: WorkerTask, state: JobState) -> None:
    """Refuse the text that schemathesis sends where it puts null in place of a file."""
    if not isinstance(task, DevelopPhoto):
        return
    look = task.look.content if isinstance(task.look, LookFile) else b""
    if b"null" in (task.photo, look):
        raise UserError("not a file")


def test_requests_are_answered_as_described(tmp_path: Path) -> None:
    """Valid requests succeed, invalid ones are refused, with documented statuses and types."""
    schemathesis = Path(sys.executable).with_name("schemathesis")
    with running(EchoWorker(refuse_null), ServerLimits()) as server:
        address = f"{server.client.base_url}/openapi.json"
        options = ["--seed=1", "--max-examples=40", "--no-color"]
        done = subprocess.run(
            [schemathesis, "run", address, *options],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Tested: 6" in done.stdout
