"""Inception's weights from pytorch-fid's file, compared with PyTorch."""

import hashlib
import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest
import safetensors
from typer.testing import CliRunner

from cinegan_jax.convert import inception
from cinegan_jax.convert.cli import convert_app
from cinegan_jax.core.errors import UserError
from cinegan_jax.nets.inception import InceptionPool3, load_inception

torch = pytest.importorskip("torch", reason="needs cinegan-jax[torch]")
import inception_in_torch  # noqa: E402

State = dict[str, torch.Tensor]
"""PyTorch weights by parameter name."""


@pytest.fixture(scope="module")
def state() -> State:
    return inception_in_torch.random_state(seed=5)


@pytest.fixture(scope="module")
def pth(tmp_path_factory: pytest.TempPathFactory, state: State) -> Path:
    path = tmp_path_factory.mktemp("torch") / "pt_inception.pth"
    torch.save(state, path)
    return path


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory, pth: Path) -> Path:
    path = tmp_path_factory.mktemp("converted") / "new" / "inception.safetensors"
    result = CliRunner().invoke(
        convert_app, ["inception", str(pth), "-o", str(path), "--allow-unknown"]
    )
    assert result.exit_code == 0, result.output
    return path


def test_converted_file_gives_the_features_of_pytorch(
    state: State, converted: Path, rng: np.random.Generator
) -> None:
    levels = rng.integers(0, 256, (2, 299, 299, 3)).astype(np.float32)
    levels[1] = np.mgrid[:299, :299].sum(0)[..., None] * [0.4, 0.2, 0.1]  # smooth, too
    with torch.inference_mode():
        wanted = inception_in_torch.pool3(state, torch.from_numpy(levels).permute(0, 3, 1, 2))
    params = load_inception(converted)
    got = jax.jit(InceptionPool3().apply)({"params": params}, levels / 255)
    assert got.shape == (2, 2048)
    scale = float(wanted.std())
    assert scale > 0.1
    np.testing.assert_allclose(got / scale, wanted.numpy() / scale, atol=1e-5)


def test_metadata_name_the_source(pth: Path, converted: Path) -> None:
    with safetensors.safe_open(converted, framework="numpy") as file:
        assert file.metadata() == {
            "format": "cinegan-inception",
            "format_version": "1",
            "source": "pt_inception.pth",
            "source_sha256": hashlib.sha256(pth.read_bytes()).hexdigest(),
        }
        assert len(file.keys()) == 2 * 94  # convolutions of Inception v3


def refuse(source: Path, tmp_path: Path, message: str) -> None:
    """Assert that a conversion fails, names the file and keeps an existing output."""
    output = tmp_path / "out"
    output.write_text("as it was")
    with pytest.raises(UserError, match=message) as error:
        inception.convert_inception(source, output, allow_unknown=True)
    assert str(source) in str(error.value)
    assert output.read_text() == "as it was"


def saved(content: object, tmp_path: Path) -> Path:
    torch.save(content, tmp_path / "weights.pth")
    return tmp_path / "weights.pth"


def test_unknown_checksum_is_refused_with_both(tmp_path: Path) -> None:
    path = saved({}, tmp_path)
    with pytest.raises(UserError, match=r"6726825d.*--allow-unknown") as error:
        inception.convert_inception(path, tmp_path / "out")
    assert hashlib.sha256(path.read_bytes()).hexdigest() in str(error.value)
    assert not (tmp_path / "out").exists()


def test_known_checksum_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = saved({"a": torch.zeros(3)}, tmp_path)
    monkeypatch.setattr(
        inception, "SHA256_PREFIX", hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    )
    with pytest.raises(UserError, match="has no classifier"):  # and not: another checksum
        inception.convert_inception(path, tmp_path / "out")


def test_inception_of_torchvision_is_refused(tmp_path: Path) -> None:
    other = {"fc.weight": torch.zeros(1000, 2048)}
    message = r"shape \(1000, 2048\), and .* FID one of \(1008, 2048\)"
    refuse(saved(other, tmp_path), tmp_path, message)
    refuse(saved({"fc.weight": torch.tensor(3.0)}, tmp_path), tmp_path, r"shape \(\)")


def test_other_layers_are_refused(state: State, tmp_path: Path) -> None:
    short = {**state, "Mixed_7c.branch_pool.bn.bias": torch.zeros(3)}
    for other, message in [
        (short, r"Mixed_7c.branch_pool.bn.bias is of shape \(3,\); Inception has \(192,\)"),
        ({"fc.weight": state["fc.weight"]}, r"Conv2d_1a_3x3.conv.weight is missing"),
        ({"a": torch.zeros(3)}, "has no classifier"),
    ]:
        refuse(saved(other, tmp_path), tmp_path, message)


@pytest.mark.parametrize("content", [b"", b"not weights", b"PK\x03\x04"])
def test_foreign_file(tmp_path: Path, content: object) -> None:
    path = tmp_path / "foreign.pth"
    path.write_bytes(content)
    refuse(path, tmp_path, "is damaged, or not pytorch-fid's")


class Exploit:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return (pytest.fail, ("the pickle was executed",))


def test_pickled_code_is_not_executed(tmp_path: Path) -> None:
    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Exploit(), protocol=2))
    refuse(tmp_path / "evil.pth", tmp_path, "is damaged")
    refuse(saved(Exploit(), tmp_path), tmp_path, "is damaged")


@pytest.mark.parametrize("content", [[1, 2], {"fc.weight": [0.0]}])
def test_torch_file_of_something_else(tmp_path: Path, content: object) -> None:
    refuse(saved(content, tmp_path), tmp_path, "is damaged")


def test_missing_file(tmp_path: Path) -> None:
    refuse(tmp_path / "none.pth", tmp_path, "No file")


def test_torch_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "weights.pth").write_bytes(b"anything")
    monkeypatch.setitem(sys.modules, "torch", None)
    refuse(tmp_path / "weights.pth", tmp_path, r"pip install '\.\[torch\]'")


def test_output_that_cannot_be_written(pth: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"Cannot write .*file/out"):
        inception.convert_inception(pth, tmp_path / "file" / "out", allow_unknown=True)
