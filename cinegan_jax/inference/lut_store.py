"""Fitted LUTs that are kept: in the package for installed looks, in the user's cache for others.

A fit takes minutes. A kept LUT is found by the hash of all it depends on: the network, the
strength, the photos and the settings of the fit. Its file is an `.npz` with the LUT's nodes in 16
bits, coded as differences, which compress well, and a report on the fit as JSON.
"""

import contextlib
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from flax.traverse_util import flatten_dict

from cinegan_jax.core.storage import file_sha256, write_whole
from cinegan_jax.core.user_cache import user_cache
from cinegan_jax.inference import lut_fit
from cinegan_jax.inference.look import LOOKS_PACKAGE, NetworkLook
from cinegan_jax.inference.look_file import architecture
from cinegan_jax.nets.res_unet import ResUnetGenerator

SHIPPED_SUFFIX = ".lut.npz"
_RECIPE = 1
"""Raise it with every change of the fit that changes its results."""
_MAX_FILES = 100
"""Number of LUTs in the user's cache, about 100 KB each; the least recently written are deleted."""


@dataclass(frozen=True, eq=False)
class KeptLut:
    """A LUT at the size of its fit, and a report on the fit.

    Attributes:
      table: float32 [n, n, n, 3] as in `ops.lut`, in steps of 1/65535.
      report: of JSON types; empty if the fit was not examined.
    """

    table: np.ndarray
    report: dict[str, Any]


def in_steps(table: np.ndarray) -> np.ndarray:
    """Round a unit LUT to the steps of 1/65535 in which LUTs are kept."""
    return (np.rint(table * 65535) / 65535).astype(np.float32)


def lut_key(look: NetworkLook, strength: float, photos: Iterable[Path]) -> str:
    """Return the hash of all that the fit of a LUT depends on."""
    settings = (lut_fit.FIT_SIZE, lut_fit.LONG_SIDE, lut_fit.SHORT_SIDE, lut_fit.PIXELS, strength)
    defaults = architecture(ResUnetGenerator())  # a field added later leaves the key as it is
    fields = architecture(look.generator).items()
    network = {name: value for name, value in fields if value != defaults[name]}
    facts = [_RECIPE, settings, network, [_digest(p) for p in photos]]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for name, array in sorted(flatten_dict(dict(look.kernels), sep="/").items()):
        digest.update(name.encode())
        digest.update(np.asarray(array, np.float32).tobytes())
    return digest.hexdigest()


def _digest(photo: Path) -> str:
    """Return the hash of a photo's file, or nothing if it cannot be read and is not fitted to."""
    try:
        return file_sha256(photo)
    except OSError:
        return ""


def find_lut(look: str, key: str) -> KeptLut | None:
    """Return the kept LUT of a key: the one that ships with a look, or that of the user's cache."""
    shipped = resources.files(LOOKS_PACKAGE) / f"{look}{SHIPPED_SUFFIX}"
    if shipped.is_file() and (kept := _decode(shipped.read_bytes(), key)):
        return kept
    folder = user_cache("luts")
    file = folder / f"{key}.npz" if folder else None
    return _decode(file.read_bytes(), key) if file and file.is_file() else None


def keep_lut(key: str, lut: KeptLut) -> None:
    """Keep a LUT in the user's cache, if there is one that can be written."""
    folder = user_cache("luts")
    if folder is None:
        return
    with contextlib.suppress(OSError):
        write_whole(folder / f"{key}.npz", encode_lut(key, lut))
        files = sorted(folder.glob("*.npz"), key=lambda file: file.stat().st_mtime)
        for file in files[:-_MAX_FILES]:
            file.unlink(missing_ok=True)


def encode_lut(key: str, lut: KeptLut) -> bytes:
    """Return the content of a file that holds a LUT."""
    steps = np.rint(lut.table * 65535).astype(np.uint16)
    for axis in range(3):
        steps = np.diff(steps, axis=axis, prepend=np.uint16(0))
    file = io.BytesIO()
    np.savez_compressed(
        file, steps=steps, key=np.array(key), report=np.array(json.dumps(lut.report))
    )
    return file.getvalue()


def _decode(content: bytes, key: str) -> KeptLut | None:
    """Return the LUT of a file, or None if it is damaged or of another key."""
    try:
        with np.load(io.BytesIO(content)) as arrays:
            if str(arrays["key"]) != key:
                return None
            steps, report = arrays["steps"], json.loads(str(arrays["report"]))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    for axis in range(3):
        steps = np.cumsum(steps, axis=axis, dtype=np.uint16)
    return KeptLut(steps.astype(np.float32) / 65535, report)
