"""The part of a picture that has been received, and how to ask for the rest."""

import email.utils
import hashlib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import requests

from cinegan_jax.collect.addresses import host_of
from cinegan_jax.collect.failure import Failure, PartRefused, Passing
from cinegan_jax.core.storage import sync


@dataclass(frozen=True)
class _Version:
    """Which version of a picture the bytes are of.

    Attributes:
      validator: an ETag or a date of modification that only this version has; empty if unknown.
      length: of the whole picture in bytes; None if unknown.
    """

    validator: str = ""
    length: int | None = None


class Partial:
    """The unfinished file of one address; what has been received outlives the process.

    Attributes:
      path: of the file.
    """

    def __init__(self, folder: Path, address: str) -> None:
        name = hashlib.sha256(address.encode()).hexdigest()[:32]
        self.path = folder / f"{name}.part"
        self._version_path = folder / f"{name}.json"

    @property
    def paths(self) -> tuple[Path, Path]:
        """The file, and what is noted of it."""
        return self.path, self._version_path

    def is_whole(self) -> bool:
        """Whether all of it has been received, as far as that can be known."""
        length = self._version().length
        return length is not None and self._size() == length

    def headers(self) -> dict[str, str]:
        """For a request: that only the rest is wanted, if it is still the same version."""
        headers = {"Accept-Encoding": "identity"}  # lengths and ranges are those of the file
        version = self._version()
        if version.validator and self._size():
            headers |= {"Range": f"bytes={self._size()}-", "If-Range": version.validator}
        return headers

    def receive(
        self, response: requests.Response, chunks: Iterable[bytes], most_bytes: int
    ) -> None:
        """Writes what a response brings, behind what there is or in its place.

        Raises:
          Failure: there are more than `most_bytes`. Passing: fewer than were announced; PartRefused
            if they are not the rest.
          OSError: it cannot be written; what is there can be gone on with.
        """
        start = self._start(response)
        version = _version_of(response, start)
        if (version.length or 0) > most_bytes:
            self.remove()
            raise Failure(f"{version.length} bytes, more than {most_bytes}")
        if start == 0:
            self.remove()
            self._version_path.write_text(json.dumps(asdict(version)))
        with self.path.open("ab") as file:
            for chunk in chunks:
                file.write(chunk)
                file.flush()  # so that a killed process has not received it in vain
                if file.tell() > most_bytes:
                    break
            sync(file)
        size = self._size()
        if size > most_bytes:
            self.remove()
            raise Failure(f"more than {most_bytes} bytes")
        if version.length is not None and size != version.length:
            raise Passing(f"{size} of {version.length} bytes came", host_of(response.url))

    def remove(self) -> None:
        """Forgets it all."""
        for path in self.paths:
            path.unlink(missing_ok=True)

    def _start(self, response: requests.Response) -> int:
        """Where the response's bytes belong.

        Raises:
          PartRefused: it is another part than was asked for, or of another version.
        """
        if response.status_code != 206:
            return 0
        asked = re.fullmatch(
            r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "").strip()
        )
        version = self._version()
        if asked and int(asked[1]) == self._size() and asked[2] in ("*", str(version.length)):
            return self._size()
        raise PartRefused("another part was sent than was asked for", host_of(response.url))

    def _size(self) -> int:
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def _version(self) -> _Version:
        try:
            return _Version(**json.loads(self._version_path.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return _Version()


def _version_of(response: requests.Response, start: int) -> _Version:
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        return _Version()  # neither length nor parts are of the file as it is written
    length = response.headers.get("Content-Length", "")
    whole = start + int(length) if length.isdecimal() else None
    return _Version(_validator(response), whole)


def _validator(response: requests.Response) -> str:
    """The strong ETag of a response, or its date if that is strong (RFC 9110, 8.8.2.2)."""
    tag = response.headers.get("ETag", "").strip()
    if tag.startswith('"'):
        return tag
    modified, sent = (response.headers.get(name, "") for name in ("Last-Modified", "Date"))
    try:
        age = email.utils.parsedate_to_datetime(sent) - email.utils.parsedate_to_datetime(modified)
    except (ValueError, TypeError):
        return ""
    return modified if age.total_seconds() >= 60 else ""


def sweep(folder: Path, wanted: Iterable[str]) -> None:
    """Removes the unfinished files of all addresses but those that are `wanted`."""
    kept = {path.name for address in wanted for path in Partial(folder, address).paths}
    for name in os.listdir(folder):
        if name not in kept:
            (folder / name).unlink(missing_ok=True)
