"""The received part of an unfinished download, and the request for the rest."""

import email.utils
import hashlib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import requests

from cinegan_jax.collect.addresses import Failure, RangeRefused, TransientFailure, host_of
from cinegan_jax.core.storage import sync


@dataclass(frozen=True)
class _Version:
    """The version of a file on its server.

    Attributes:
      validator: strong ETag, or modification date, of this version alone; empty if unknown.
      length: size of the whole file in bytes; None if unknown.
    """

    validator: str = ""
    length: int | None = None


class PartialFile:
    """The unfinished file of one address. Received bytes survive the process.

    Attributes:
      path: of the file.
    """

    def __init__(self, folder: Path, address: str) -> None:
        name = hashlib.sha256(address.encode()).hexdigest()[:32]
        self.path = folder / f"{name}.part"
        self._version_path = folder / f"{name}.json"

    @property
    def paths(self) -> tuple[Path, Path]:
        """The file and its version file."""
        return self.path, self._version_path

    def is_whole(self) -> bool:
        """Return True if the whole file is known to be here."""
        length = self._version().length
        return length is not None and self._size() == length

    def headers(self) -> dict[str, str]:
        """Return request headers that ask for the rest if the version is unchanged."""
        headers = {"Accept-Encoding": "identity"}  # lengths and ranges must refer to the file
        version = self._version()
        if version.validator and self._size():
            headers |= {"Range": f"bytes={self._size()}-", "If-Range": version.validator}
        return headers

    def receive(self, response: requests.Response, chunks: Iterable[bytes], max_bytes: int) -> None:
        """Append the body of a response, or start again with it if it is the whole file.

        Raises:
          Failure: the file is larger than `max_bytes`. TransientFailure: it is shorter than
            announced. RangeRefused: the body is not the requested range.
          OSError: it cannot be written; a later request can continue.
        """
        start = self._start(response)
        version = _version_of(response, start)
        if (version.length or 0) > max_bytes:
            self.remove()
            raise Failure(f"{version.length} bytes, more than {max_bytes}")
        if start == 0:
            self.remove()
            self._version_path.write_text(json.dumps(asdict(version)))
        with self.path.open("ab") as file:
            for chunk in chunks:
                file.write(chunk)
                file.flush()  # a killed process must not lose it
                if file.tell() > max_bytes:
                    break
            sync(file)
        size = self._size()
        if size > max_bytes:
            self.remove()
            raise Failure(f"more than {max_bytes} bytes")
        if version.length is not None and size != version.length:
            raise TransientFailure(
                f"received {size} of {version.length} bytes", host_of(response.url)
            )

    def remove(self) -> None:
        """Delete the files."""
        for path in self.paths:
            path.unlink(missing_ok=True)

    def _start(self, response: requests.Response) -> int:
        """Return the offset of the body in the file.

        Raises:
          RangeRefused: it is not the requested range, or belongs to another version.
        """
        if response.status_code != 206:
            return 0
        content_range = response.headers.get("Content-Range", "").strip()
        sent = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", content_range)
        lengths = ("*", str(self._version().length))
        if sent and int(sent[1]) == self._size() and sent[2] in lengths:
            return self._size()
        raise RangeRefused("the server sent another range than requested", host_of(response.url))

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


def sweep(folder: Path, wanted: Iterable[str]) -> None:
    """Delete the unfinished files of all addresses except the `wanted` ones."""
    kept = {path.name for address in wanted for path in PartialFile(folder, address).paths}
    for name in os.listdir(folder):
        if name not in kept:
            (folder / name).unlink(missing_ok=True)


def _version_of(response: requests.Response, start: int) -> _Version:
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        return _Version()  # length and ranges refer to the encoded bytes
    length = response.headers.get("Content-Length", "")
    whole = start + int(length) if length.isdecimal() else None
    return _Version(_validator(response), whole)


def _validator(response: requests.Response) -> str:
    """Return the strong ETag, or the modification date if it is strong (RFC 9110, 8.8.2.2)."""
    tag = response.headers.get("ETag", "").strip()
    if tag.startswith('"'):
        return tag
    modified, sent = (response.headers.get(name, "") for name in ("Last-Modified", "Date"))
    try:
        age = email.utils.parsedate_to_datetime(sent) - email.utils.parsedate_to_datetime(modified)
    except (ValueError, TypeError):
        return ""
    return modified if age.total_seconds() >= 60 else ""
