import hashlib
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
from typer.testing import CliRunner

from cinegan_jax.convert import lpips as convert
from cinegan_jax.convert.cli import convert_app
from cinegan_jax.core.errors import UserError
from cinegan_jax.metrics.lpips import load_lpips, lpips_weight_shapes


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch", reason="needs cinegan-jax[torch]")


@pytest.fixture
def alexnet(torch: Any, tmp_path: Path) -> Path:
    """A file as torchvision's AlexNet, with random weights."""
    import lpips_reference

    path = tmp_path / "alexnet.pth"
    torch.save(lpips_reference.state_dict(lpips_reference.features("alex")), path)
    return path


def test_every_array_comes_from_its_place(torch: Any, alexnet: Path, tmp_path: Path) -> None:
    convert.convert_lpips(alexnet, tmp_path / "out", "alex", allow_unknown=True)
    state = torch.load(alexnet, weights_only=True)
    found = load_lpips(tmp_path / "out")
    for layer, place in {"conv1": 0, "conv2": 3, "conv3": 6, "conv4": 8, "conv5": 10}.items():
        kernel = state[f"features.{place}.weight"].permute(2, 3, 1, 0)
        np.testing.assert_array_equal(found.backbone[layer]["kernel"], kernel)
        np.testing.assert_array_equal(
            found.backbone[layer]["bias"], state[f"features.{place}.bias"]
        )
    with safetensors.safe_open(tmp_path / "out", framework="numpy") as file:
        assert file.metadata() == {
            "format": "cinegan-lpips",
            "format_version": "1",
            "net": "alex",
            "source": "alexnet.pth",
            "source_sha256": hashlib.sha256(alexnet.read_bytes()).hexdigest(),
        }


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_heads_fit_the_backbone_and_only_add(net: str) -> None:
    """The paper constrains them to be zero or more."""
    heads = convert.read_heads(net)
    shapes = lpips_weight_shapes(net)
    assert [head.shape for head in heads] == [shapes[f"heads/{i}"] for i in range(1, 6)]
    assert all(head.min() >= 0 and head.max() > 0 for head in heads)


def test_heads_are_those_of_the_attribution() -> None:
    """Sums of the published weights, as PyTorch has them."""
    sums = {
        "alex": [2.349532, 16.143028, 39.26844, 27.197178, 20.317176],
        "vgg": [6.925992, 8.858335, 17.515005, 51.521324, 47.034851],
    }
    for net, wanted in sums.items():
        found = [head.sum(dtype=np.float64) for head in convert.read_heads(net)]
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def refuse(source: Path, tmp_path: Path, message: str, net: str = "alex") -> None:
    """The text names the file, and an output that was there stays."""
    output = tmp_path / "out"
    output.write_text("as it was")
    with pytest.raises(UserError, match=message) as error:
        convert.convert_lpips(source, output, net, allow_unknown=True)
    assert str(source) in str(error.value)
    assert output.read_text() == "as it was"


def test_file_of_the_other_net(alexnet: Path, tmp_path: Path) -> None:
    refuse(alexnet, tmp_path, r"features.0.weight is of shape \(64, 3, 11, 11\)", net="vgg")


def test_layer_that_is_missing(torch: Any, alexnet: Path, tmp_path: Path) -> None:
    state = torch.load(alexnet, weights_only=True)
    del state["features.8.bias"]
    torch.save(state, alexnet)
    refuse(alexnet, tmp_path, r"features.8.bias is missing; torchvision AlexNet has \(256,\)")


@pytest.mark.parametrize("part", [0, 0.01, 0.999])
def test_truncated_file(torch: Any, alexnet: Path, tmp_path: Path, part: float) -> None:
    content = alexnet.read_bytes()
    alexnet.write_bytes(content[: int(part * len(content))])
    refuse(alexnet, tmp_path, "is damaged, or not torchvision's alexnet-owt-7be5be79.pth")


class Exploit:
    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("the pickle was executed",))


def test_pickled_code_is_not_executed(torch: Any, tmp_path: Path) -> None:
    path = tmp_path / "evil.pth"
    path.write_bytes(pickle.dumps(Exploit(), protocol=2))
    refuse(path, tmp_path, "is damaged")


def test_torch_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "alexnet.pth").write_bytes(b"anything")
    refuse(tmp_path / "alexnet.pth", tmp_path, r"pip install '\.\[torch\]'")


def test_no_file(tmp_path: Path) -> None:
    refuse(tmp_path / "none.pth", tmp_path, "No file")


def test_checksum_decides_what_is_known(
    alexnet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = hashlib.sha256(alexnet.read_bytes()).hexdigest()
    with pytest.raises(UserError, match=rf"{sha256}; .*SHA-256 7be5be79\.\.\. or 4df8aa71\.\.\."):
        convert.convert_lpips(alexnet, tmp_path / "out", "alex")
    known = convert.TORCHVISION_FILES["alex"]._replace(sha256_prefixes=(sha256[:8],))
    monkeypatch.setitem(convert.TORCHVISION_FILES, "alex", known)
    convert.convert_lpips(alexnet, tmp_path / "out", "alex")
    assert load_lpips(tmp_path / "out").name == "lpips_alex"


def test_command(alexnet: Path, tmp_path: Path) -> None:
    arguments = [str(alexnet), str(tmp_path / "out"), "--net", "alex"]
    refused = CliRunner().invoke(convert_app, ["lpips", *arguments])
    assert isinstance(refused.exception, UserError)
    result = CliRunner().invoke(convert_app, ["lpips", *arguments, "--allow-unknown"])
    assert result.exit_code == 0, result.output
    assert load_lpips(tmp_path / "out").net == "alex"
