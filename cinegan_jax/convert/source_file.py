"""Which file weights are converted from: known by its checksums, or trusted by the user."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cinegan_jax.errors import UserError


class Digests(NamedTuple):
    """Hexadecimal checksums of one file."""

    md5: str
    sha256: str

    def __str__(self) -> str:
        return f"MD5 {self.md5}, SHA-256 {self.sha256}"


def digests_of_known(
    source: Path, known: Callable[[Digests], bool], wanted: str, *, allow_unknown: bool
) -> Digests:
    """The checksums of the file to convert.

    Args:
        source: the file.
        known: whether they are those of a file that is wanted.
        wanted: these files and their checksums, in words that follow "it is not".
        allow_unknown: also take a file with other checksums.

    Raises:
        UserError: no such file, or another than wanted.
    """
    if not source.is_file():
        raise UserError(f"No file {source}.")
    digests = file_digests(source)
    if not allow_unknown and not known(digests):
        raise UserError(
            f"{source} has {digests}; it is not {wanted}. The download may be incomplete. If you "
            "trust the file, add --allow-unknown."
        )
    return digests


def file_digests(path: Path) -> Digests:
    """MD5 and SHA-256 of a file, read once."""
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            md5.update(block)
            sha256.update(block)
    return Digests(md5.hexdigest(), sha256.hexdigest())
