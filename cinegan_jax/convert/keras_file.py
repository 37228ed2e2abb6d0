"""Read arrays safely from `.keras` files of Keras 3.

A `.keras` file is a zip. Only its member `model.weights.h5` is read, by h5py: building a model from
the file's config, as Keras does, can run code (CVE-2025-1550, CVE-2025-8747, CVE-2025-9905). Even
for a malicious file, reading uses at most MAX_BYTES on disk, only as much memory as the stored
arrays need, and opens no other file.
"""

import contextlib
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import h5py
import numpy as np

from cinegan_jax.core.errors import UserError

MEMBER = "model.weights.h5"
MAX_BYTES = 1 << 30


@contextlib.contextmanager
def open_weights(path: Path) -> Iterator[h5py.File]:
    """Open the weights of a `.keras` file.

    Raises:
        UserError: the file is missing, damaged or not a `.keras` file. A UserError raised within
            the context is raised again with the path before its text.
    """
    if not path.is_file():
        raise UserError(f"No file {path}.")
    try:
        with tempfile.TemporaryFile() as weights:
            _extract(path, weights)
            with h5py.File(weights, "r") as file:
                yield file
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except zipfile.BadZipFile as error:
        raise UserError(
            f"{path} is damaged, or not a .keras file, which is a zip: {error}"
        ) from error
    except Exception as error:  # zlib and h5py raise many types for damaged files
        raise UserError(f"{MEMBER} in {path} cannot be read: {error}") from error


def _extract(path: Path, target: IO[bytes]) -> None:
    """Copy the member that is needed, at most as many bytes as the zip declares."""
    with zipfile.ZipFile(path) as archive, archive.open(_member(archive)) as member:
        shutil.copyfileobj(member, target, 1 << 20)


def _member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    names = archive.namelist()
    if MEMBER not in names:
        found = ", ".join(map(repr, names[:5])) + (" ..." if len(names) > 5 else "")
        raise UserError(
            f"it has no member {MEMBER}, as a .keras file does, but {found or 'nothing'}"
        )
    info = archive.getinfo(MEMBER)
    if info.file_size > MAX_BYTES:
        raise UserError(f"{MEMBER} has {info.file_size:,} bytes; at most {MAX_BYTES:,} are read")
    return info


def inside(group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset:
    """Return a member of a group, following hard links only; others can point to other files.

    Raises:
        UserError: the member does not exist.
    """
    found = group
    for part in name.split("/"):
        link = found.get(part, getlink=True) if isinstance(found, h5py.Group) else None
        if not isinstance(link, h5py.HardLink):
            raise UserError(f"there is no {group.name.rstrip('/')}/{name}")
        found = found[part]
    return found


def numbered(group: h5py.Group, kind: str) -> list[h5py.Group | h5py.Dataset]:
    """Return the members `kind`, `kind_1`, `kind_2` ... in order, starting at any number."""
    matches = [
        match for name in group if (match := re.fullmatch(rf"{kind}(?:_(\d{{1,9}}))?", name))
    ]
    return [inside(group, m[0]) for m in sorted(matches, key=lambda m: int(m[1] or -1))]


def read_keras_arrays(datasets: Mapping[str, h5py.Dataset]) -> dict[str, np.ndarray]:
    """Return the contents of datasets as float32.

    Raises:
        UserError: a dataset does not hold floats or stores them outside the file, or all of them
            together are larger than the file, which valid files never are.
    """
    for dataset in datasets.values():
        if dataset.dtype.kind != "f" or dataset.external or dataset.is_virtual:
            raise UserError(f"{dataset.name} is not a plain array of floats")
    size = sum(dataset.nbytes for dataset in datasets.values())
    stored = max((dataset.file.id.get_filesize() for dataset in datasets.values()), default=0)
    if size > stored:
        raise UserError(f"the arrays have {size:,} bytes, but the file only {stored:,}")
    return {name: np.asarray(dataset[()], np.float32) for name, dataset in datasets.items()}
