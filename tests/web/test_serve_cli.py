"""`cinegan serve` on the command line."""

import socket
import sys

import pytest
from typer.testing import CliRunner

from cinegan_jax.cli import app


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = CliRunner().invoke(app, ["serve", f"--port={port}"])
    assert done.exit_code == 2
    assert (
        f"port {port} cannot be used (Address already in use): give another --port" in done.output
    )


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    done = CliRunner().invoke(app, ["serve"])
    assert done.exit_code == 2
    assert "pip install '.[serve]'" in done.output


def test_a_missing_look_is_named() -> None:
    done = CliRunner().invoke(app, ["serve", "--port=0", "--weights=nowhere.safetensors"])
    assert done.exit_code == 2
    assert "no look file nowhere.safetensors" in done.output
