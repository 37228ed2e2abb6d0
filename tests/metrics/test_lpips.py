import functools
from pathlib import Path

import numpy as np
import pytest

from cinegan_jax.convert.lpips import convert_lpips, read_heads
from cinegan_jax.core.errors import UserError
from cinegan_jax.metrics.lpips import Lpips, load_lpips, lpips_weight_shapes
from cinegan_jax.nets.weights_file import WeightsFormat, write_weights

NETS = ("alex", "vgg")
KIND = WeightsFormat("cinegan-lpips", "1")


@functools.cache
def random_arrays(net: str) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)

    def draw(name: str, shape: tuple[int, ...]) -> np.ndarray:
        scale = np.sqrt(2 / np.prod(shape[:-1])) if len(shape) == 4 else 0.1
        values = scale * rng.normal(size=shape)
        return (abs(values) if name.startswith("heads") else values).astype(np.float32)

    return {name: draw(name, shape) for name, shape in lpips_weight_shapes(net).items()}


@pytest.fixture(params=NETS)
def net(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def lpips(net: str, tmp_path: Path) -> Lpips:
    write_weights(tmp_path / "lpips", random_arrays(net), KIND, {"net": net})
    return load_lpips(tmp_path / "lpips")


@pytest.fixture
def images(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Images and disturbed ones, unit [1, 33, 40, 3]."""
    images = rng.random((1, 33, 40, 3)).astype(np.float32)
    noise = rng.normal(0, 0.1, images.shape).astype(np.float32)
    return images, np.clip(images + noise, 0, 1)


@pytest.mark.parametrize(("net", "height", "width"), [("alex", 31, 66), ("vgg", 39, 32)])
def test_agrees_with_pytorch_from_the_file_that_torchvision_writes(
    tmp_path: Path, rng: np.random.Generator, net: str, height: int, width: int
) -> None:
    torch = pytest.importorskip("torch", reason="needs cinegan-jax[torch]")
    import lpips_reference

    network = lpips_reference.features(net)
    torch.save(lpips_reference.state_dict(network), tmp_path / "backbone.pth")
    convert_lpips(tmp_path / "backbone.pth", tmp_path / "lpips", net, allow_unknown=True)
    images, references = rng.random((2, 2, height, width, 3)).astype(np.float32)
    references[1] = np.clip(images[1] + 0.02, 0, 1)
    wanted = lpips_reference.lpips(network, read_heads(net), net, images, references)
    assert wanted.min() > 0
    np.testing.assert_allclose(
        load_lpips(tmp_path / "lpips")(images, references), wanted, rtol=1e-5
    )


def test_padding_does_not_change_the_score(
    lpips: Lpips, images: tuple[np.ndarray, np.ndarray]
) -> None:
    width = [(0, 0), (0, 3), (0, 5), (0, 0)]
    padded = [np.pad(x, width, constant_values=np.nan) for x in images]
    wanted = lpips(*images)
    assert (wanted > 1e-3).all()
    np.testing.assert_allclose(lpips(*padded, ignore_nans=True), wanted, rtol=1e-5)
    assert np.isnan(lpips(*padded)).all()


@pytest.mark.parametrize("net", ["alex"])
def test_heads_weigh_the_squared_differences(
    lpips: Lpips, images: tuple[np.ndarray, np.ndarray]
) -> None:
    """Equal images score zero; the score is linear in the heads."""
    np.testing.assert_array_equal(lpips(images[0], images[0]), 0)
    doubled = lpips.replace(heads=tuple(2 * head for head in lpips.heads))
    np.testing.assert_allclose(doubled(*images), 2 * lpips(*images), rtol=1e-5)


def test_name_is_that_of_the_net(lpips: Lpips, net: str) -> None:
    assert lpips.name == f"lpips_{net}"


@pytest.mark.parametrize(("net", "side"), [("alex", 31), ("vgg", 16)])
def test_images_too_small_are_refused(lpips: Lpips, side: int) -> None:
    smallest = np.zeros((1, side, side + 1, 3), np.float32)
    assert lpips(smallest, smallest) == 0
    small = smallest[:, 1:]
    with pytest.raises(
        ValueError, match=f"at least {side}x{side} pixels, got {side - 1}x{side + 1}"
    ):
        lpips(small, small)


@pytest.mark.parametrize("net", ["alex"])
def test_files_of_something_else_are_refused(tmp_path: Path, net: str) -> None:
    path, arrays = tmp_path / "lpips", random_arrays(net)
    with pytest.raises(UserError, match=f"No LPIPS weights at {path}.*convert lpips FILE {path}"):
        load_lpips(path)
    for kind, found, message in [
        (
            WeightsFormat("cinegan-vgg19", "1"),
            "alex",
            "format cinegan-vgg19 version 1, wanted cinegan-lpips",
        ),
        (KIND, "squeeze", "has the backbone 'squeeze'; known: alex, vgg"),
        (KIND, "vgg", r"backbone/block1_conv1/\w+ is missing; LPIPS vgg has"),
    ]:
        write_weights(path, arrays, kind, {"net": found})
        with pytest.raises(UserError, match=message):
            load_lpips(path)
