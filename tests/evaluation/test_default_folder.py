"""Default folder of an evaluation: named after what is evaluated, however its path is spelled."""

from pathlib import Path

import pytest

from cinegan_jax.evaluation.evaluate import output_folder


@pytest.mark.parametrize(
    ("target", "folder"),
    [
        (".", "inner-evaluation"),
        ("./", "inner-evaluation"),
        ("..", "outer-evaluation"),
        ("results/", "results-evaluation"),
        ("looks/velvia.safetensors", "velvia-evaluation"),
        ("classic_neg", "classic_neg-evaluation"),
        ("/", "run-evaluation"),
    ],
)
def test_the_default_folder_is_named_after_the_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, folder: str
) -> None:
    current = tmp_path / "outer" / "inner"
    current.mkdir(parents=True)
    monkeypatch.chdir(current)
    assert str(output_folder(target)) == folder
