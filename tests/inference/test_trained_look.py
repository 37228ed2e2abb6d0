import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import safetensors.numpy
from flax.traverse_util import flatten_dict

from cinegan_jax.core.errors import UserError
from cinegan_jax.inference.look import (
    Glow,
    Grain,
    Look,
    NetworkLook,
    installed_looks,
    load_look,
)
from cinegan_jax.inference.look_file import read_look, write_look
from cinegan_jax.nets.res_unet import ResUnetGenerator

IMAGE = jax.ShapeDtypeStruct((1, 16, 16, 3), np.float32)


@pytest.fixture
def look(random_params: Callable[..., Any]) -> Look:
    generator = ResUnetGenerator(4, 1, residual=True, colour_path=8)
    kernels = jax.tree.map(np.float32, random_params(generator, IMAGE))
    film: dict[str, Any] = {"grain": Grain(0.02, 0.003), "glow": Glow(0.5, 2)}
    return NetworkLook("mine", generator, kernels, **film)


@pytest.fixture
def file(look: Look, tmp_path: Path) -> Path:
    write_look(look, tmp_path / "mine.safetensors")
    return tmp_path / "mine.safetensors"


def _rewrite(file: Path, *, arrays: dict[str, np.ndarray] | None = None, **metadata: str) -> None:
    """Rewrite a look file with other arrays or metadata."""
    with safetensors.safe_open(file, "numpy") as opened:
        known = opened.metadata()
    arrays = safetensors.numpy.load_file(file) if arrays is None else arrays
    safetensors.numpy.save_file(arrays, file, {**known, **metadata})


@pytest.mark.parametrize(("dtype", "error"), [(np.float32, 0), (np.float16, 2**-11)])
def test_a_look_comes_back_from_its_file(
    look: Look, tmp_path: Path, dtype: type[np.floating], error: float
) -> None:
    path = tmp_path / "look.safetensors"
    write_look(look, path, dtype=dtype)
    found = read_look(path)
    assert (found.name, found.generator) == (look.name, look.generator)
    assert (found.grain, found.glow) == (look.grain, look.glow)
    wanted, kernels = (flatten_dict(dict(t.kernels)) for t in (look, found))
    assert wanted.keys() == kernels.keys()
    for name, array in wanted.items():
        assert kernels[name].dtype == np.float32
        np.testing.assert_allclose(kernels[name], array, rtol=error, atol=1e-7 if error else 0)


def test_installed_looks_change_a_photo_and_are_small(rng: np.random.Generator) -> None:
    from importlib import resources

    assert set(installed_looks()) >= {"classic_neg", "cinema", "velvia"}
    photo = rng.uniform(0, 1, (1, 64, 64, 3)).astype(np.float32)
    made = {}
    for name in installed_looks():
        assert (resources.files("cinegan_jax.looks") / f"{name}.safetensors").stat().st_size < 4e6
        assert (resources.files("cinegan_jax.looks") / f"{name}.md").is_file()
        look = load_look(name)
        assert look.name == name
        apply, params = look.network()
        made[name] = np.asarray(apply(params, photo))
        assert 0.01 < np.abs(made[name] - photo).mean() < 0.25
    assert len({image.tobytes() for image in made.values()}) == len(made)


def test_an_unknown_look_lists_those_there_are() -> None:
    with pytest.raises(UserError, match=r"'sepia' is not one of .*classic_neg"):
        load_look("sepia")


def test_other_files_are_refused(file: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no look file .*none\.safetensors"):
        read_look(tmp_path / "none.safetensors")
    foreign = tmp_path / "vgg.safetensors"
    safetensors.numpy.save_file({"a": np.zeros(3)}, foreign, {"format": "cinegan-vgg19"})
    with pytest.raises(UserError, match=r"vgg.safetensors is no look.*'cinegan-vgg19'"):
        read_look(foreign)
    _rewrite(file, version="2")
    with pytest.raises(UserError, match=r"version .2., needed is .* version .1."):
        read_look(file)


@pytest.mark.parametrize("kept", [0, 4, 200, -1])
def test_a_truncated_file_is_refused(file: Path, kept: int) -> None:
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(UserError, match=r"mine\.safetensors is damaged"):
        read_look(file)


@pytest.mark.parametrize("text", ["", "[]", '{"width": 4, "depth": 2}'])
def test_a_file_that_does_not_say_its_network_is_refused(file: Path, text: str) -> None:
    _rewrite(file, generator=text)
    with pytest.raises(UserError, match="does not say what its network is"):
        read_look(file)


def test_kernels_of_another_architecture_are_refused(file: Path) -> None:
    fields = {"width": 6, "num_blocks": 1, "residual": True, "colour_path": 8}
    _rewrite(file, generator=json.dumps(fields))
    with pytest.raises(UserError, match=r"has the shape \(\d.*\), but {'width': 6.*needs \(\d"):
        read_look(file)
    arrays = safetensors.numpy.load_file(file)
    del arrays["e2/conv/kernel"]
    _rewrite(file, arrays=arrays, generator=json.dumps({**fields, "width": 4}))
    with pytest.raises(UserError, match="e2/conv/kernel has the shape none, but"):
        read_look(file)
