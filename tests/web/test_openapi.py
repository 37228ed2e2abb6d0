"""The description of the HTTP interface, compared with the server by generated requests."""

import subprocess
import sys
from pathlib import Path

from serving import EchoWorker, running

from cinegan_jax.web.limits import ServerLimits


def test_requests_are_answered_as_described(tmp_path: Path) -> None:
    """Valid requests succeed, invalid ones are refused, with documented statuses and types."""
    schemathesis = Path(sys.executable).with_name("schemathesis")
    with running(EchoWorker(), ServerLimits()) as server:
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
