"""Paths that may lie in a Google Cloud Storage bucket: `gs://BUCKET/FOLDER` beside local ones.

An object there is written whole or not at all and cannot be appended to; there are no folders but
in names, and renaming one copies every object. Paths go through etils.epath, which reaches buckets
with gcsfs; nothing of that is imported for local paths.
"""

import contextlib
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, TypeAlias

from etils import epath

from cinegan_jax.core.errors import UserError, how_to_install

# One way to a bucket, whatever else is installed: no TensorFlow, no gRPC of kinds of buckets.
os.environ.setdefault("EPATH_USE_TF", "false")
os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")

AnyPath: TypeAlias = epath.Path | Path

_SCHEME = "gs://"
_NEEDED = ("gcsfs", "google.cloud.storage")  # of epath, of Orbax
_REFUSALS = (401, 403)
_NO_NAMES = ("", ".", "..")


def open_path(path: str | os.PathLike[str]) -> epath.Path:
    """A path as the user gave it, local or in a bucket.

    Raises:
      UserError: it lies in another kind of storage, or in a bucket and the packages for that are
        missing, or this machine's account may not read there.
    """
    scheme, separator, _ = os.fspath(path).partition(":/")
    if separator and not is_remote(path):
        raise UserError(f"{path}: {scheme}:/ cannot be read; give a local path or gs://BUCKET/...")
    if os.fspath(path).rstrip("/") + "//" == _SCHEME:
        raise UserError(f"{path} names no bucket: give gs://BUCKET/FOLDER")
    opened = epath.Path(path)
    if is_remote(opened):
        _require_packages(opened)
        _require_access(opened)
    return opened


def is_remote(path: str | os.PathLike[str]) -> bool:
    """Whether the path lies in a bucket."""
    return os.fspath(path).startswith(_SCHEME)


def absolute(path: str | os.PathLike[str]) -> epath.Path:
    """The path from its root; one in a bucket always is."""
    return epath.Path(path) if is_remote(path) else epath.Path(path).resolve()


def base_name(path: str | os.PathLike[str], fallback: str = "run") -> str:
    """Return the last part of a path as a file name, never empty, `.` or `..`.

    `.` and `..` are resolved; a path without a name, such as `/`, gives `fallback`.
    """
    name = epath.Path(path).name
    if name in _NO_NAMES:
        name = absolute(path).name
    return fallback if name in _NO_NAMES else name


def make_folder(path: epath.Path) -> None:
    """Makes a folder to write into, with its parents; in a bucket, sees that it can be written.

    Raises:
      UserError: it cannot be made or written, or there is no such bucket.
    """
    if not is_remote(path):
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"the folder {path} cannot be made: {error.strerror}") from error
        return
    probe = path / ".writable"
    with _refusals_told(path):
        try:
            probe.write_text("")
        except FileNotFoundError as error:
            bucket = path.parts[2]
            raise UserError(f"{path} cannot be written: no bucket gs://{bucket}") from error
        probe.unlink()


def write_whole(path: AnyPath, content: str | bytes) -> None:
    """Writes a file so that it is either whole or as it was before.

    Raises:
      OSError: it cannot be written.
    """
    content = content.encode() if isinstance(content, str) else content
    if is_remote(path):
        path.write_bytes(content)
        return
    draft = path.with_name(f".{path.name}.tmp")
    try:
        with draft.open("wb") as file:
            file.write(content)
            sync(file)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def sync(file: IO[Any]) -> None:
    """Brings a local file's bytes to the disk."""
    file.flush()
    os.fsync(file.fileno())


@contextlib.contextmanager
def local_copy(path: epath.Path) -> Iterator[Path]:
    """A file that libraries can open by name: `path` itself, or a copy for as long as needed."""
    if not is_remote(path):
        yield Path(path)
        return
    with tempfile.TemporaryDirectory(prefix="cinegan-") as folder:
        copy = Path(folder) / path.name
        with path.open("rb") as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target, 2**20)
        yield copy


def _require_packages(path: epath.Path) -> None:
    for package in _NEEDED:
        try:
            found = importlib.util.find_spec(package)
        except ModuleNotFoundError:  # a parent of it
            found = None
        if not found:
            raise UserError(
                f"{path} needs the package {package}: {how_to_install('gcs')}, or give a local path"
            )
    import fsspec

    # Orbax writes past gcsfs, which would not see what it remembers to be absent.
    fsspec.config.conf.setdefault("gcs", {}).setdefault("use_listings_cache", False)


def _require_access(path: epath.Path) -> None:
    with _refusals_told(path), contextlib.suppress(FileNotFoundError):
        next(path.iterdir(), None)


@contextlib.contextmanager
def _refusals_told(path: epath.Path) -> Iterator[None]:
    """Turns a refusal into a UserError; what may pass, such as a network that is down, stays."""
    try:
        yield
    except Exception as error:  # gcsfs has no type of its own for them
        if getattr(error, "code", None) in _REFUSALS or str(error).startswith("Forbidden"):
            raise UserError(
                f"{path} cannot be used by this machine's account: {error}. Give it the roles "
                "storage.objectUser and storage.legacyBucketReader on the bucket, or log in with "
                "`gcloud auth application-default login`"
            ) from error
        raise
