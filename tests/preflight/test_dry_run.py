"""The dry run's figures, held against the arrays of a real run."""

import math
import re
from pathlib import Path
from typing import Any

import pytest
import runs
from cinegan_jax.preflight.dry_run import dry_run

from cinegan_jax.training.run import Run


def test_it_names_sizes_and_data_and_writes_nothing(
    tmp_path: Path,
    trained: Path,
    cinegan_settings: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert dry_run(Run(runs.config_of(cinegan_settings)), tmp_path / "run") == 0
    assert list(tmp_path.iterdir()) == []
    said = capsys.readouterr().out
    figures = dict(re.findall(r"│ (.+?) +│ (.+?) +│", said))
    for player in ("generator", "discriminator"):
        assert figures[f"parameters, {player}"] == f"{saved_numbers(trained, player):,}"
    assert (figures["training pairs"], figures["held-out pairs"]) == ("40", "2")
    assert figures["steps"] == "4 (5 an epoch)"
    assert figures["devices"] == "8 x cpu"
    assert float(figures["FLOP a step and device"]) > 1e6
    assert "total_variation: 0.0" in said


def saved_numbers(workdir: Path, player: str) -> int:
    saved = runs.checkpoint(workdir, 4)
    arrays = [array for name, array in saved.items() if name.startswith(f"['params']['{player}']")]
    return sum(math.prod(shape) for _, shape, _ in arrays)
