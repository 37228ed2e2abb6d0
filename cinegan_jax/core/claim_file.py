"""A small file that one process at a time owns, on local disks and in buckets.

It is made only where there is none, and replaced only where its content is the expected one. No
operation compares times of different machines.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol

from etils import epath

from cinegan_jax.core.storage import is_remote


class Claim(NamedTuple):
    """The content of the file, and a version that changes at each `refresh`."""

    content: bytes
    version: object


class ClaimFile(Protocol):
    """Operations on the file; each raises what the storage raises where it fails."""

    def read(self) -> Claim | None:
        """Return what the file holds; None where there is none."""

    def create(self, content: bytes) -> bool:
        """Make the file; return False where there is one."""

    def replace(self, expected: bytes, content: bytes) -> bool:
        """Replace the content; return False where it is not the expected one."""

    def refresh(self, content: bytes) -> bool:
        """Change the version; return False where the content is another one."""

    def remove(self, content: bytes) -> None:
        """Delete the file if that is its content."""


def open_claim(path: epath.Path) -> ClaimFile:
    """Return the operations on the file `path`, whose folder exists."""
    return _InBucket(path) if is_remote(path) else _OnDisk(Path(path))


class _OnDisk:
    """The version is the time of modification: changing it needs no space on the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Claim | None:
        try:
            with self._path.open("rb") as file:  # opening makes NFS ask the server
                return Claim(file.read(), os.fstat(file.fileno()).st_mtime_ns)
        except FileNotFoundError:
            return None

    def create(self, content: bytes) -> bool:
        try:
            with self._path.open("xb") as file:
                _write(file, content)
            return True
        except FileExistsError:
            return False
        except OSError:
            self._path.unlink(missing_ok=True)
            raise

    def replace(self, expected: bytes, content: bytes) -> bool:
        with self._locked(expected) as file:
            if file is None:
                return False
            file.seek(0)
            file.truncate()
            _write(file, content)
            return True

    def refresh(self, content: bytes) -> bool:
        found = self.read()
        if found is None:
            return self.create(content)
        if found.content != content:
            return False
        os.utime(self._path)
        return True

    def remove(self, content: bytes) -> None:
        with self._locked(content) as file:
            if file is not None:
                self._path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _locked(self, expected: bytes) -> Iterator[IO[bytes] | None]:
        """Give the open file while no other process changes it; None if its content is another."""
        try:
            file = self._path.open("r+b")
        except FileNotFoundError:
            yield None
            return
        with file:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(file, fcntl.LOCK_EX)
            yield file if self._is_current(file) and file.read() == expected else None

    def _is_current(self, file: IO[bytes]) -> bool:
        try:
            return os.path.samestat(os.fstat(file.fileno()), self._path.stat())
        except FileNotFoundError:
            return False


class _InBucket:
    """The version is the object's generation, on which every change depends."""

    def __init__(self, path: epath.Path) -> None:
        from google.cloud import storage

        # No request needs a project; without one, the client would look for it.
        bucket, _, name = os.fspath(path).removeprefix("gs://").partition("/")
        self._bucket = storage.Client(project="none").bucket(bucket)
        self._name = name

    def read(self) -> Claim | None:
        from google.api_core.exceptions import NotFound, PreconditionFailed

        while blob := self._bucket.get_blob(self._name):
            version = blob.generation
            with contextlib.suppress(NotFound, PreconditionFailed):  # it has changed meanwhile
                return Claim(blob.download_as_bytes(if_generation_match=version), version)
        return None

    def create(self, content: bytes) -> bool:
        return self._upload(content, 0)

    def replace(self, expected: bytes, content: bytes) -> bool:
        found = self.read()
        if found is None or found.content != expected:
            return False
        return self._upload(content, found.version)

    def refresh(self, content: bytes) -> bool:
        if self.read() is None:
            return self.create(content)
        return self.replace(content, content)

    def remove(self, content: bytes) -> None:
        from google.api_core.exceptions import NotFound, PreconditionFailed

        found = self.read()
        if found is not None and found.content == content:
            with contextlib.suppress(NotFound, PreconditionFailed):
                blob = self._bucket.blob(self._name)
                blob.delete(if_generation_match=found.version)

    def _upload(self, content: bytes, generation: Any) -> bool:
        """Write the object if its generation is this one; 0: if there is none."""
        from google.api_core.exceptions import PreconditionFailed

        try:
            self._bucket.blob(self._name).upload_from_string(
                content, "application/json", if_generation_match=generation
            )
            return True
        except PreconditionFailed:
            return False


def _write(file: IO[bytes], content: bytes) -> None:
    file.write(content)
    file.flush()
    os.fsync(file.fileno())
