"""The reference page of config keys is the one that the schema generates."""

import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_committed_reference_is_up_to_date() -> None:
    command = [sys.executable, "-m", "cinegan_jax.config.reference"]
    generated = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    committed = (DOCS / "config.md").read_text()
    assert generated == committed, f"run {' '.join(command[1:])} > docs/config.md"
    for key in ("batch_size", "learning_rate", "colour_table", "capacity", "patience"):
        assert f"| `{key}` |" in committed
