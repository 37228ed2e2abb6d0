"""Broken weight files of VGG19 that claim much or hold little."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import safetensors.numpy

from cinegan_jax.convert.source_files import read_state_dict
from cinegan_jax.convert.vgg19 import read_keras
from cinegan_jax.core.errors import UserError
from cinegan_jax.nets.vgg19 import load_vgg19
from cinegan_jax.nets.weights_file import check_shapes

GROUP = "block1_conv1"


def external(file: h5py.File) -> None:
    file[f"{GROUP}/kernel"] = h5py.ExternalLink("other.h5", "/kernel")


def loop(file: h5py.File) -> None:
    file[f"{GROUP}/kernel"] = h5py.SoftLink(f"/{GROUP}/kernel")


def huge(file: h5py.File) -> None:
    file.create_dataset(f"{GROUP}/kernel", (2**30, 2**30), "f4", chunks=(1, 1))


def objects(file: h5py.File) -> None:
    file.create_dataset(f"{GROUP}/kernel", data=["x"], dtype=h5py.string_dtype())


def folder(file: h5py.File) -> None:
    file.create_group(f"{GROUP}/kernel")


@pytest.mark.parametrize("edit", [external, loop, huge, objects, folder])
def test_hostile_hdf5(tmp_path: Path, edit: Callable[[h5py.File], None]) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group(GROUP)
        group.attrs["weight_names"] = [b"kernel", b"bias"]
        group["bias"] = np.zeros(64, np.float32)
        edit(file)
    with pytest.raises(UserError, match=r"a\.h5 is damaged"):
        read_keras(path)


def test_a_compressed_state_dict_is_not_unpacked(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    path = tmp_path / "a.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/0", bytes(1 << 20))
    with pytest.raises(UserError, match=r"a\.pth is damaged.*1,048,576 bytes"):
        read_state_dict(path, "a state dict")


@pytest.mark.parametrize(
    "array", [np.array([1, np.nan]), np.array([1, np.inf]), np.array([1, 2])], ids=str
)
def test_values_that_are_no_finite_floats(array: np.ndarray) -> None:
    with pytest.raises(UserError, match=r"a\.pth: bias .*holds no floats, or some"):
        check_shapes({"bias": array}, {"bias": (2,)}, "VGG19", "a.pth")


def test_a_name_that_is_also_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    arrays = {"block1_conv1": np.zeros(1, np.float32), "block1_conv1/x": np.zeros(1, np.float32)}
    metadata = {"format": "cinegan-vgg19", "format_version": "1", "preprocessing": "keras"}
    safetensors.numpy.save_file(arrays, path, metadata)
    with pytest.raises(UserError, match=r"a\.safetensors: block1_conv1/(kernel|bias) is missing"):
        load_vgg19(path)
