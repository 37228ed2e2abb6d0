"""Local paths and paths in Google Cloud Storage buckets, `gs://BUCKET/FOLDER`.

An object in a bucket is written whole or not at all and cannot be appended to. Folders exist only
as parts of names, and renaming one copies every object. Paths go through etils.epath, which uses
gcsfs for buckets; nothing of that is imported for local paths.
"""

import contextlib
import hashlib
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, TypeAlias

from etils import epath

from cinegan_jax.core.errors import UserError, how_to_install

# Always use plain gcsfs: not TensorFlow if installed, and no gRPC for hierarchical buckets.
os.environ.setdefault("EPATH_USE_TF", "false")
os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")

AnyPath: TypeAlias = epath.Path | Path

_SCHEME = "gs://"
_NEEDED = ("gcsfs", "google.cloud.storage")  # for epath, for Orbax
_REFUSALS = (401, 403)
_NO_NAMES = ("", ".", "..")


def open_path(path: str | os.PathLike[str]) -> epath.Path:
    """Return a user's path, local or in a bucket, after checking that it can be used.

    `~` at the beginning of a local path stands for the user's home folder.

    Raises:
      UserError: the path is in another kind of storage, or in a bucket for which packages are
        missing or which this machine's account may not read.
    """
    scheme, separator, _ = os.fspath(path).partition(":/")
    if separator and not is_remote(path):
        raise UserError(f"{path}: {scheme}:/ cannot be read; give a local path or gs://BUCKET/...")
    if os.fspath(path).rstrip("/") + "//" == _SCHEME:
        raise UserError(f"{path} names no bucket: give gs://BUCKET/FOLDER")
    opened = _expanded(path)
    if is_remote(opened):
        _require_packages(opened)
        _require_access(opened)
    return opened


def is_remote(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is in a bucket."""
    return os.fspath(path).startswith(_SCHEME)


def absolute(path: str | os.PathLike[str]) -> epath.Path:
    """Return the absolute path, with `~` expanded; paths in buckets are absolute already."""
    return epath.Path(path) if is_remote(path) else _expanded(path).resolve()


def expand_home(argument: str) -> str:
    """Return an argument of a command, with `~` at the beginning of its value expanded.

    Shells expand `--workdir ~/run`, but not `--workdir=~/run` or `--set data.path=~/photos`.
    """
    head, equals, value = argument.rpartition("=")
    is_home = value == "~" or value.startswith("~/")
    return f"{head}{equals}{os.path.expanduser(value)}" if is_home else argument


def base_name(path: str | os.PathLike[str], fallback: str = "run") -> str:
    """Return the last part of a path as a file name, never empty, `.` or `..`.

    `.` and `..` are resolved; a path without a name, such as `/`, gives `fallback`.
    """
    name = epath.Path(path).name
    if name in _NO_NAMES:
        name = absolute(path).name
    return fallback if name in _NO_NAMES else name


def make_folder(path: epath.Path) -> None:
    """Make a folder with its parents; in a bucket, check that it can be written.

    Raises:
      UserError: the folder cannot be made or written, or the bucket does not exist.
    """
    if not is_remote(path):
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"the folder {path} cannot be made: {error.strerror}") from error
        return
    probe = path / ".writable"
    with _refusals_as_user_errors(path):
        try:
            probe.write_text("")
        except FileNotFoundError as error:
            bucket = path.parts[2]
            raise UserError(f"{path} cannot be written: no bucket gs://{bucket}") from error
        probe.unlink()


def write_whole(path: AnyPath, content: str | bytes) -> None:
    """Write a file atomically: it is either whole or unchanged.

    Raises:
      OSError: the file cannot be written.
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


def file_sizes(root: AnyPath | None, files: Sequence[AnyPath]) -> list[int]:
    """Return the sizes of files in bytes; in a bucket, by one listing of the folder `root`."""
    if root is None or not is_remote(root):
        return [file.stat().st_size for file in map(Path, files)]
    import fsspec

    found = fsspec.filesystem("gs").find(os.fspath(root), detail=True)
    return [int(found[os.fspath(file).removeprefix(_SCHEME)]["size"]) for file in files]


def file_sha256(path: AnyPath) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(file: IO[Any]) -> None:
    """Flush a local file to the disk."""
    file.flush()
    os.fsync(file.fileno())


@contextlib.contextmanager
def local_copy(path: epath.Path) -> Iterator[Path]:
    """Give the path of a local file: `path` itself, or a temporary copy of a file in a bucket."""
    if not is_remote(path):
        yield Path(path)
        return
    with tempfile.TemporaryDirectory(prefix="cinegan-") as folder:
        copy = Path(folder) / path.name
        with path.open("rb") as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target, 2**20)
        yield copy


def _expanded(path: str | os.PathLike[str]) -> epath.Path:
    return epath.Path(os.path.expanduser(path))


def _require_packages(path: epath.Path) -> None:
    for package in _NEEDED:
        try:
            found = importlib.util.find_spec(package)
        except ModuleNotFoundError:  # a parent package is missing
            found = None
        if not found:
            raise UserError(
                f"{path} needs the package {package}: {how_to_install('gcs')}, or give a local path"
            )
    import fsspec

    # Orbax does not write through gcsfs, whose cached listings would miss its files.
    fsspec.config.conf.setdefault("gcs", {}).setdefault("use_listings_cache", False)


def _require_access(path: epath.Path) -> None:
    with _refusals_as_user_errors(path), contextlib.suppress(FileNotFoundError):
        next(path.iterdir(), None)


@contextlib.contextmanager
def _refusals_as_user_errors(path: epath.Path) -> Iterator[None]:
    """Turn refused access into a UserError; leave temporary errors, such as a lost network."""
    try:
        yield
    except Exception as error:  # gcsfs has no error type for refusals
        if getattr(error, "code", None) in _REFUSALS or str(error).startswith("Forbidden"):
            raise UserError(
                f"{path} cannot be used by this machine's account: {error}. Give it the roles "
                "storage.objectUser and storage.legacyBucketReader on the bucket, or log in with "
                "`gcloud auth application-default login`"
            ) from error
        raise
