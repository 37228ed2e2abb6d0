import functools
import hashlib
import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import jax
import keras
import numpy as np
import pytest
import safetensors
from click.testing import Result
from keras.src.legacy.saving import legacy_h5_format
from typer.testing import CliRunner

from cinegan_jax.convert import vgg19
from cinegan_jax.convert.cli import convert_app
from cinegan_jax.convert.source_files import file_digests
from cinegan_jax.core.errors import UserError
from cinegan_jax.nets.vgg19 import Features, layer_shapes, load_vgg19

NAMES = [f"block{b}_conv{i}" for b, n in ((1, 2), (2, 2), (3, 4), (4, 2)) for i in range(1, n + 1)]

Layers = dict[str, tuple[np.ndarray, np.ndarray]]
"""Kernel and bias by layer name."""


@pytest.fixture(scope="module")
def layers() -> Layers:
    """Random weights: name -> (kernel, bias)."""
    rng = np.random.default_rng(11)
    return {
        name: tuple(
            rng.normal(size=parts[part], scale=0.05).astype(np.float32)
            for part in ("kernel", "bias")
        )
        for name, parts in layer_shapes().items()
    }


def write_old_keras(path: Path, layers: Layers) -> None:
    """The layout of the official files: groups by layer, byte-string attributes, pools too."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"input_1", *(name.encode() for name in layers)]
        file.create_group("input_1").attrs["weight_names"] = np.array([], "S1")
        for name, (kernel, bias) in layers.items():
            group = file.create_group(name)
            group.attrs["weight_names"] = [f"{name}_W_1:0".encode(), f"{name}_b_1:0".encode()]
            group[f"{name}_W_1:0"], group[f"{name}_b_1:0"] = kernel, bias


@pytest.fixture(scope="module")
def old_keras(tmp_path_factory: pytest.TempPathFactory, layers: Layers) -> Path:
    path = tmp_path_factory.mktemp("keras") / "weights.h5"
    write_old_keras(path, layers)
    return path


@pytest.fixture
def torch() -> ModuleType:
    return pytest.importorskip("torch", reason="needs cinegan-jax[torch]")


def torchvision_features(torch: ModuleType) -> Any:
    """`torchvision.models.vgg19().features`, with random weights."""
    channels, modules = 3, []
    for step in (64, 64, "M", 128, 128, "M", *[256] * 4, "M", *[512] * 4, "M", *[512] * 4, "M"):
        if step == "M":
            modules.append(torch.nn.MaxPool2d(2, 2))
        else:
            modules += [torch.nn.Conv2d(channels, step, 3, padding=1), torch.nn.ReLU(inplace=True)]
            channels = step
    return torch.nn.Sequential(*modules)


def metadata_of(path: Path) -> tuple[dict[str, str], list[str]]:
    with safetensors.safe_open(path, framework="numpy") as file:
        return file.metadata(), list(file.keys())


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_layout_that_keras_writes(tmp_path: Path) -> None:
    model = keras.applications.VGG19(weights=None, include_top=False, input_shape=(32, 32, 3))
    with h5py.File(tmp_path / "keras.h5", "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)
    vgg19.convert_vgg19(tmp_path / "keras.h5", tmp_path / "out", allow_unknown=True)
    weights = load_vgg19(tmp_path / "out")
    assert weights.preprocessing == "keras"
    for name in NAMES:
        kernel, bias = model.get_layer(name).get_weights()
        np.testing.assert_array_equal(weights.layers[name]["kernel"], kernel)
        np.testing.assert_array_equal(weights.layers[name]["bias"], bias)


def test_layout_of_the_official_files(old_keras: Path, layers: Layers, tmp_path: Path) -> None:
    output = tmp_path / "new" / "vgg19.safetensors"
    vgg19.convert_vgg19(old_keras, output, allow_unknown=True)
    got = load_vgg19(output).layers
    for name, (kernel, bias) in layers.items():
        np.testing.assert_array_equal(got[name]["kernel"], kernel)
        np.testing.assert_array_equal(got[name]["bias"], bias)
    metadata, keys = metadata_of(output)
    assert metadata == {
        "format": "cinegan-vgg19",
        "format_version": "1",
        "source": "weights.h5",
        "source_sha256": hashlib.sha256(old_keras.read_bytes()).hexdigest(),
        "preprocessing": "keras",
    }
    assert sorted(keys) == sorted(f"{n}/{part}" for n in NAMES for part in ("kernel", "bias"))
    assert [p.name for p in output.parent.iterdir()] == ["vgg19.safetensors"]


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_torchvision_file_gives_torch_features(
    torch: ModuleType, tmp_path: Path, rng: np.random.Generator, zipped: bool
) -> None:
    torch.manual_seed(0)
    model = torchvision_features(torch)
    state = {f"features.{name}": value for name, value in model.state_dict().items()}
    state["classifier.6.bias"] = torch.zeros(1000)
    path = tmp_path / "vgg19.pth"
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    vgg19.convert_vgg19(path, tmp_path / "out", allow_unknown=True)
    weights = load_vgg19(tmp_path / "out")
    assert weights.preprocessing == "torchvision"

    images = rng.integers(0, 256, (1, 16, 24, 3)).astype(np.uint8)
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.no_grad():
        wanted = model[:23]((x - mean[:, None, None]) / deviation[:, None, None])
    signed = (images / 127.5 - 1).astype(np.float32)
    got = jax.jit(lambda w, x: Features(w)(x)["block4_conv2"])(weights, signed)
    np.testing.assert_allclose(got, wanted.permute(0, 2, 3, 1), atol=1e-6)
    assert wanted.abs().max() > 1e-3


def test_unknown_checksum_is_refused_with_both(old_keras: Path, tmp_path: Path) -> None:
    content = old_keras.read_bytes()
    with pytest.raises(UserError) as error:
        vgg19.convert_vgg19(old_keras, tmp_path / "out")
    for checksum in (
        hashlib.md5(content).hexdigest(),
        hashlib.sha256(content).hexdigest(),
        "253f8cb515780f3b799900260a226db6",
        "cbe5617147190e668d6c5d5026f83318",
        "dcbb9e9d",
    ):
        assert checksum in str(error.value)
    assert "--allow-unknown" in str(error.value)
    assert not list(tmp_path.iterdir())


def test_checksums_are_those_that_keras_knows() -> None:
    import inspect

    from keras.src.applications import vgg19 as keras_vgg19

    source = inspect.getsource(keras_vgg19)
    assert keras_vgg19.WEIGHTS_PATH_NO_TOP == vgg19.KERAS_URL
    assert f'file_hash="{vgg19.KERAS_NOTOP_MD5}"' in source
    assert f'file_hash="{vgg19.KERAS_FULL_MD5}"' in source


@pytest.mark.parametrize(
    "known", ["KERAS_NOTOP_MD5", "KERAS_FULL_MD5", "TORCHVISION_SHA256_PREFIX"]
)
def test_known_checksum_is_taken(
    monkeypatch: pytest.MonkeyPatch, old_keras: Path, tmp_path: Path, known: str
) -> None:
    digests = file_digests(old_keras)
    value = digests.md5 if known.startswith("KERAS") else digests.sha256[:8]
    monkeypatch.setattr(vgg19, known, value)
    vgg19.convert_vgg19(old_keras, tmp_path / "out")
    load_vgg19(tmp_path / "out")


def refuse(source: Path, tmp_path: Path, message: str) -> None:
    """Assert that a conversion fails, names the file and keeps an existing output."""
    output = tmp_path / "out"
    output.write_text("as it was")
    with pytest.raises(UserError, match=message) as error:
        vgg19.convert_vgg19(source, output, allow_unknown=True)
    assert str(source) in str(error.value)
    assert output.read_text() == "as it was"


@pytest.mark.parametrize("kept", [9, 600, 5000, 1_000_000, 20_000_000])
def test_truncated_keras_file(old_keras: Path, tmp_path: Path, kept: int) -> None:
    path = tmp_path / "cut.h5"
    path.write_bytes(old_keras.read_bytes()[:kept])
    refuse(path, tmp_path, "is damaged")


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("part", [0, 0.0001, 0.01, 0.5, 0.999])
def test_truncated_torch_file(torch: ModuleType, tmp_path: Path, zipped: bool, part: float) -> None:
    path = tmp_path / "cut.pth"
    state = {"features.0.weight": torch.zeros(64, 3, 3, 3), "features.0.bias": torch.zeros(64)}
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    refuse(path, tmp_path, "is damaged")


@pytest.mark.parametrize(
    "content", [b"", b"not weights", bytes(range(256)) * 8, b"PK\x03\x04" + bytes(64)]
)
def test_foreign_file(torch: ModuleType, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "foreign.pth"
    path.write_bytes(content)
    refuse(path, tmp_path, "is damaged")


class Exploit:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return (pytest.fail, ("the pickle was executed",))


def test_pickled_code_is_not_executed(torch: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "evil.pth"
    for write in (
        lambda: path.write_bytes(pickle.dumps(Exploit(), protocol=2)),
        lambda: torch.save(Exploit(), path),
    ):
        write()
        refuse(path, tmp_path, "is damaged")


@pytest.mark.parametrize("state", [[1, 2], {"features.0.weight": [0.0]}, {"features": 3}])
def test_torch_file_of_something_else(torch: ModuleType, tmp_path: Path, state: object) -> None:
    torch.save(state, tmp_path / "other.pth")
    refuse(tmp_path / "other.pth", tmp_path, "is damaged")


def test_keras_file_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["weights"] = np.zeros(3)
    refuse(path, tmp_path, "legacy layout")


def test_wrong_shape_names_the_array(layers: Layers, tmp_path: Path) -> None:
    path = tmp_path / "wrong.h5"
    kernel, bias = layers["block3_conv2"]
    write_old_keras(path, {**layers, "block3_conv2": (kernel[:, :, :128], bias)})
    refuse(path, tmp_path, r"block3_conv2/kernel is of shape \(3, 3, 128, 256\); .*256, 256")


def test_torch_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "vgg19.pth").write_bytes(b"anything")
    refuse(tmp_path / "vgg19.pth", tmp_path, r"pip install '\.\[torch\]'")


def test_output_that_cannot_be_written(old_keras: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"Cannot write .*file/out"):
        vgg19.convert_vgg19(old_keras, tmp_path / "file" / "out", allow_unknown=True)


@pytest.fixture
def server(
    old_keras: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ThreadingHTTPServer]:
    """Serve the made-up file from this machine as if it were Keras' own."""
    handler = functools.partial(QuietHandler, directory=old_keras.parent)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(vgg19, "KERAS_URL", f"http://127.0.0.1:{server.server_port}/weights.h5")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


def run(*arguments: object) -> Result:
    return CliRunner().invoke(convert_app, ["vgg19", *map(str, arguments)])


def test_download_through_the_command(
    server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch, old_keras: Path, tmp_path: Path
) -> None:
    monkeypatch.setattr(vgg19, "KERAS_NOTOP_MD5", file_digests(old_keras).md5)
    result = run("--download", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert load_vgg19(tmp_path / "out").preprocessing == "keras"


def test_download_with_another_checksum(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    result = run("--download", "-o", tmp_path / "out")
    assert isinstance(result.exception, UserError)
    assert "convert vgg19 FILE" in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_download_without_a_network(
    server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(vgg19, "KERAS_URL", "http://127.0.0.1:9/weights.h5")
    result = run("--download", "-o", tmp_path / "out")
    assert isinstance(result.exception, UserError)
    assert "http://127.0.0.1:9/weights.h5" in str(result.exception)


def test_command_needs_exactly_one_source(old_keras: Path, tmp_path: Path) -> None:
    for arguments in ((), (old_keras, "--download")):
        result = run(*arguments, "-o", tmp_path / "out")
        assert isinstance(result.exception, UserError)
    missing = run(tmp_path / "none.h5")
    assert isinstance(missing.exception, UserError)
    assert "none.h5" in str(missing.exception)


def test_command_converts_a_file(old_keras: Path, tmp_path: Path) -> None:
    result = run(old_keras, "-o", tmp_path / "out", "--allow-unknown")
    assert result.exit_code == 0, result.output
    load_vgg19(tmp_path / "out")
