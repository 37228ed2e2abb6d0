"""Broken headers and manifests of a checkpoint's step."""

import json
from pathlib import Path
from typing import Any

import pytest
from etils import epath

from cinegan_jax.checkpointing.step_folder import find_damage, read_header, seal_step
from cinegan_jax.core.errors import UserError

HEADER: dict[str, Any] = {"arrays": {"a": "float32[1]"}, "best_metric": None, "best_mode": "max"}


@pytest.fixture
def folder(tmp_path: Path) -> epath.Path:
    (tmp_path / "meta").mkdir()
    return epath.Path(tmp_path)


@pytest.mark.parametrize(
    "values",
    [{"arrays": []}, {"arrays": {"a": [1]}}, {"best_metric": 7}, {"best_mode": []}, {"meta": None}],
    ids=str,
)
def test_a_header_of_other_types(folder: epath.Path, values: dict[str, Any]) -> None:
    file = folder / "meta" / "metadata"
    file.write_text(json.dumps({**HEADER, "meta": {}}))
    assert read_header(folder)["arrays"] == {"a": "float32[1]"}
    file.write_text(json.dumps({**HEADER, "meta": {}, **values}))
    with pytest.raises(UserError, match="metadata is damaged"):
        read_header(folder)


@pytest.mark.parametrize("content", ["[" * 10_000, "[]", "", '{"format_version": 1, "sha256": 7}'])
def test_a_manifest_that_cannot_be_read(folder: epath.Path, content: str) -> None:
    (folder / "_CHECKPOINT_METADATA").write_text("{}")
    seal_step(folder)
    assert find_damage(folder) is None
    (folder / "manifest.json").write_text(content)
    assert "cannot be read" in (find_damage(folder) or "")
