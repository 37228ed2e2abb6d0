"""One step's folder on disk: the manifest that seals it, its header, and the arrays it holds.

`checkpoints/STEP/` holds the items `state`, `data`, `meta` and, where known, `metrics`, and
`manifest.json`: the format version and the SHA-256 of every file. Orbax alone would restore most
flipped bytes in an array without a word; the manifest is what tells a good step from a damaged one.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from etils import epath

from cinegan_jax.core.errors import UserError

FORMAT_VERSION = 1
_MANIFEST = "manifest.json"
_STEP_METADATA = "_CHECKPOINT_METADATA"
# Orbax writes these after the manifest, as it gives the folder its final name.
_WRITTEN_LAST = (_STEP_METADATA, "commit_success.txt", _MANIFEST)


def finished_steps(checkpoints: epath.Path) -> list[int]:
    """The steps in the folder `checkpoints` that Orbax finished writing, oldest first."""
    return sorted(ocp.path.step.checkpoint_steps(checkpoints)) if checkpoints.exists() else []


def unfinished_folders(checkpoints: epath.Path) -> list[epath.Path]:
    """The folders of steps whose writing was cut short."""
    return [checkpoints / name for name in sorted(ocp.path.step.tmp_checkpoints(checkpoints))]


def write_manifest(folder: epath.Path) -> None:
    """Seals a step's folder: writes the format version and the SHA-256 of every file in it."""
    manifest = {"format_version": FORMAT_VERSION, "sha256": _digests(folder)}
    (folder / _MANIFEST).write_text(json.dumps(manifest, indent=1))


def find_damage(folder: epath.Path) -> str | None:
    """Says what is wrong with a finished step's folder, or None if every byte is as written.

    Raises:
      UserError: another version of the program wrote the folder.
    """
    try:
        json.loads((folder / _STEP_METADATA).read_text())
        manifest = json.loads((folder / _MANIFEST).read_text())
        version, expected = manifest["format_version"], manifest["sha256"]
    except (OSError, ValueError, TypeError, KeyError) as error:
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
    """The `meta` item of a step: `arrays`, `best_metric`, `best_mode` and the caller's `meta`."""
    return ocp.JsonCheckpointHandler().restore(folder / "meta")


def describe_arrays(tree: Any) -> dict[str, str]:
    """Maps each array's path in `tree` to its dtype and shape, such as `float32[3, 3, 64, 3]`."""
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): (
            f"{jnp.result_type(leaf)}{list(np.shape(leaf))}"
        )
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }


def abstract_arrays(tree: Any) -> Any:
    """The shapes, dtypes and shardings of `tree`; without a sharding, the first local device."""
    first = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])

    def abstract(leaf: Any) -> jax.ShapeDtypeStruct:
        sharding = getattr(leaf, "sharding", None) or first
        return jax.ShapeDtypeStruct(np.shape(leaf), jnp.result_type(leaf), sharding=sharding)

    return jax.tree.map(abstract, tree)


def check_architecture(saved: dict[str, str], wanted: dict[str, str], folder: epath.Path) -> None:
    """Raises UserError naming each array that differs between a checkpoint and the networks."""
    differing = [
        f"  {path}: saved {saved.get(path, 'nothing')}, wanted {wanted.get(path, 'nothing')}"
        for path in sorted(saved.keys() | wanted.keys())
        if saved.get(path) != wanted.get(path)
    ]
    if differing:
        raise UserError(
            f"The checkpoint {folder} was written with another architecture or optimizer. "
            f"{len(differing)} arrays differ:\n" + "\n".join(differing) + "\n"
            "Use the configuration that wrote it, or another workdir."
        )


def _digests(folder: epath.Path) -> dict[str, str]:
    """SHA-256 of every file below `folder`, by its path inside it."""
    files = {path.relative_to(folder).as_posix(): path for path in _files(folder)}
    return {name: _digest(files[name]) for name in sorted(files.keys() - set(_WRITTEN_LAST))}


def _files(folder: epath.Path) -> Iterator[epath.Path]:
    for path in folder.iterdir():
        if path.is_dir():
            yield from _files(path)
        else:
            yield path


def _digest(path: epath.Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
