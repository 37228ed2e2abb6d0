"""The folder of one step on disk: the manifest that seals it, and its header.

`checkpoints/STEP/` holds the items `state`, `data`, `meta` and, where known, `metrics`, and
`manifest.json`: the format version and the SHA-256 of every file. Orbax alone restores most flipped
bytes of an array silently; the manifest distinguishes a good step from a damaged one.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import orbax.checkpoint as ocp
from etils import epath

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.json_file import read_json_object
from cinegan_jax.core.storage import file_sha256

FORMAT_VERSION = 1
_MANIFEST = "manifest.json"
_STEP_METADATA = "_CHECKPOINT_METADATA"
_HEADER: Mapping[str, Any] = {
    "arrays": dict,
    "best_metric": str | None,
    "best_mode": str | None,
    "meta": dict,
}
"""Types of the parts of a header."""
# Orbax writes these after the manifest, as it gives the folder its final name.
_WRITTEN_LAST = (_STEP_METADATA, "commit_success.txt", _MANIFEST)


def finished_steps(checkpoints: epath.Path) -> list[int]:
    """Return the steps in the folder `checkpoints` that Orbax finished writing, oldest first."""
    return sorted(ocp.path.step.checkpoint_steps(checkpoints)) if checkpoints.exists() else []


def unfinished_folders(checkpoints: epath.Path) -> list[epath.Path]:
    """Return the folders of steps whose writing was interrupted."""
    return [checkpoints / name for name in sorted(ocp.path.step.tmp_checkpoints(checkpoints))]


def seal_step(folder: epath.Path) -> None:
    """Seal a step: write the format version and the SHA-256 of every file in its folder."""
    manifest = {"format_version": FORMAT_VERSION, "sha256": _digests(folder)}
    (folder / _MANIFEST).write_text(json.dumps(manifest, indent=1))


def find_damage(folder: epath.Path) -> str | None:
    """Return what is wrong with the folder of a finished step; None if every byte is as written.

    Raises:
      UserError: another version of the program wrote the folder.
    """
    try:
        read_json_object(folder / _STEP_METADATA)
        manifest = read_json_object(folder / _MANIFEST)
        version, expected = manifest["format_version"], dict(manifest["sha256"])
    except (UserError, ValueError, TypeError, KeyError) as error:
        return f"{_MANIFEST} or {_STEP_METADATA} cannot be read ({error})"
    if version != FORMAT_VERSION:
        raise UserError(
            f"{folder} has checkpoint format {version}; this program reads format "
            f"{FORMAT_VERSION}. Use the version of cinegan-jax that wrote it, or another workdir."
        )
    try:
        found = _digests(folder)
    except OSError as error:
        return f"it cannot be read ({error})"
    wrong = sorted(name for name in expected if found.get(name) != expected[name])
    return f"missing or changed: {', '.join(wrong)}" if wrong else None


def read_header(folder: epath.Path) -> dict[str, Any]:
    """Return a step's `meta` item: `arrays`, `best_metric`, `best_mode`, the caller's `meta`.

    Raises:
      UserError: the item is missing or damaged.
    """
    file = folder / "meta" / "metadata"
    header = read_json_object(file)
    for name, kind in _HEADER.items():
        if not isinstance(header.get(name), kind):
            raise UserError(f"{file} is damaged: {name!r} is {str(header.get(name))[:40]!r}")
    if not all(isinstance(array, str) for array in header["arrays"].values()):
        raise UserError(f"{file} is damaged: 'arrays' must give the type and shape of each array")
    return header


def read_metrics(folder: epath.Path) -> dict[str, float]:
    """Return what a step was ranked by; empty where it was not measured."""
    file = folder / "metrics" / "metrics"
    found = read_json_object(file) if file.exists() else {}
    return {name: value for name, value in found.items() if isinstance(value, int | float)}


def _digests(folder: epath.Path) -> dict[str, str]:
    """Return the SHA-256 of every file below `folder`, by its path inside it."""
    files = {path.relative_to(folder).as_posix(): path for path in _files(folder)}
    return {name: file_sha256(files[name]) for name in sorted(files.keys() - set(_WRITTEN_LAST))}


def _files(folder: epath.Path) -> Iterator[epath.Path]:
    for path in folder.iterdir():
        if path.is_dir():
            yield from _files(path)
        else:
            yield path
