from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
import safetensors.numpy
from etils import epath

from cinegan_jax.core.errors import UserError
from cinegan_jax.nets import vgg19

pytestmark = pytest.mark.agreement


@pytest.fixture(scope="module")
def layers() -> Any:
    """Random layers scaled as by He et al., which keeps the scale of activations."""
    rng = np.random.default_rng(7)

    def draw(shape: tuple[int, ...]) -> np.ndarray:
        deviation = np.sqrt(2 / np.prod(shape[:-1])) if len(shape) == 4 else 0.1
        return (deviation * rng.normal(size=shape)).astype(np.float32)

    shapes = vgg19.layer_shapes()
    return {name: {part: draw(s) for part, s in parts.items()} for name, parts in shapes.items()}


@pytest.fixture
def images(rng: np.random.Generator) -> np.ndarray:
    """Random images, uint8 [2, 32, 32, 3]."""
    return rng.integers(0, 256, (2, 32, 32, 3)).astype(np.uint8)


def signed(images: np.ndarray) -> np.ndarray:
    return (images / 127.5 - 1).astype(np.float32)


@jax.jit
def features(weights: vgg19.Vgg19Weights, images: np.ndarray) -> Any:
    return vgg19.Features(weights)(images)["block4_conv2"]


def assert_same_features(got: Any, wanted: Any) -> None:
    assert got.shape == wanted.shape == (2, 4, 4, 512)
    scale = np.abs(wanted).max()
    assert scale > 0.1
    np.testing.assert_allclose(got / scale, wanted / scale, atol=1e-4)


def test_parity_with_keras(layers: Any, images: np.ndarray) -> None:
    whole = keras.applications.VGG19(weights=None, include_top=False, input_shape=(32, 32, 3))
    model = keras.Model(whole.input, whole.get_layer("block4_conv2").output)
    for name, parts in layers.items():
        model.get_layer(name).set_weights([parts["kernel"], parts["bias"]])
    ready = keras.applications.vgg19.preprocess_input(images.astype(np.float32))
    got = features(vgg19.Vgg19Weights(layers, "keras"), signed(images))
    assert_same_features(got, model.predict_on_batch(ready))


def test_parity_with_torch_functions(layers: Any, images: np.ndarray) -> None:
    """torchvision's preprocessing: ToTensor, Normalize, then convolutions in NCHW."""
    torch = pytest.importorskip("torch", reason="needs cinegan-jax[torch]")
    x = torch.from_numpy(images).permute(0, 3, 1, 2).to(torch.float32) / 255
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = (x - mean[:, None, None]) / deviation[:, None, None]
    for name, parts in layers.items():
        if name.endswith("conv1") and name != "block1_conv1":
            x = torch.nn.functional.max_pool2d(x, 2)
        kernel = torch.from_numpy(parts["kernel"].transpose(3, 2, 0, 1).copy())
        x = torch.nn.functional.conv2d(x, kernel, torch.from_numpy(parts["bias"]), padding=1).relu()
    got = features(vgg19.Vgg19Weights(layers, "torchvision"), signed(images))
    assert_same_features(got, x.permute(0, 2, 3, 1).numpy())


def test_several_layers_agree_with_keras(layers: Any, images: np.ndarray) -> None:
    names = ("block1_conv2", "block2_conv1", "block3_conv4")
    whole = keras.applications.VGG19(weights=None, include_top=False, input_shape=(32, 32, 3))
    outputs = [whole.get_layer(name).output for name in names]
    model = keras.Model(whole.input, outputs)
    for layer in model.layers:
        if layer.name in layers:
            parts = layers[layer.name]
            layer.set_weights([parts["kernel"], parts["bias"]])
    ready = keras.applications.vgg19.preprocess_input(images.astype(np.float32))
    network = jax.jit(lambda w, x: vgg19.Features(w, layers=names)(x))
    found = network(vgg19.Vgg19Weights(layers, "keras"), signed(images))
    assert found.keys() == set(names)
    for name, wanted in zip(names, model.predict_on_batch(ready), strict=True):
        scale = np.abs(wanted).max()
        np.testing.assert_allclose(found[name] / scale, wanted / scale, atol=1e-4)


@pytest.mark.parametrize(("deepest", "convolutions"), [("block1_conv2", 2), ("block4_conv2", 10)])
def test_nothing_is_computed_past_the_deepest_layer(
    layers: Any, deepest: str, convolutions: int
) -> None:
    network = vgg19.Features(vgg19.Vgg19Weights(layers, "keras"), layers=("block1_conv1", deepest))
    program = str(jax.make_jaxpr(network)(-np.ones((1, 32, 32, 3), np.float32)))
    assert program.count("conv_general_dilated[") == convolutions


def test_an_unknown_layer_is_named(layers: Any) -> None:
    network = vgg19.Features(vgg19.Vgg19Weights(layers, "keras"), layers=("block5_conv1",))
    with pytest.raises(ValueError, match=r"block5_conv1.*block1_conv1, .*block4_conv2"):
        network(-np.ones((1, 8, 8, 3), np.float32))


def test_weights_pass_through_jit_as_an_argument(layers: Any) -> None:
    weights = vgg19.Vgg19Weights(layers, "torchvision")
    black = -np.ones((1, 8, 8, 3), np.float32)
    shapes = jax.eval_shape(lambda w, x: vgg19.Features(w, jnp.bfloat16)(x), weights, black)[
        "block4_conv2"
    ]
    assert shapes.shape == (1, 1, 1, 512)
    assert shapes.dtype == jnp.bfloat16
    assert len(jax.tree.leaves(weights)) == 20


def test_unknown_preprocessing_lists_the_known() -> None:
    with pytest.raises(ValueError, match=r"'caffe'.*keras, torchvision"):
        vgg19.preprocess(np.zeros((1, 8, 8, 3), np.float32), "caffe")


def save(path: Path, layers: Any, **metadata: str) -> None:
    arrays = {f"{name}/{part}": a for name, parts in layers.items() for part, a in parts.items()}
    defaults = {"format": "cinegan-vgg19", "format_version": "1", "preprocessing": "keras"}
    safetensors.numpy.save_file(arrays, path, metadata=defaults | metadata)
    return path


def test_loaded_weights_equal_the_saved_ones(layers: Any, tmp_path: Path) -> None:
    weights = vgg19.load_vgg19(
        save(tmp_path / "v.safetensors", layers, preprocessing="torchvision")
    )
    assert weights.preprocessing == "torchvision"
    jax.tree.map(np.testing.assert_array_equal, weights.layers, layers)


def test_weights_in_a_bucket(layers: Any, tmp_path: Path, bucket: epath.Path) -> None:
    remote = bucket / "vgg19.safetensors"
    with pytest.raises(UserError, match=f"No VGG19 weights at {remote}"):
        vgg19.load_vgg19(str(remote))
    remote.write_bytes(save(tmp_path / "v.safetensors", layers).read_bytes())
    weights = vgg19.load_vgg19(str(remote))
    jax.tree.map(np.testing.assert_array_equal, weights.layers, layers)


def test_missing_file_says_how_to_make_it(tmp_path: Path) -> None:
    path = tmp_path / "vgg19.safetensors"
    with pytest.raises(UserError) as error:
        vgg19.load_vgg19(path)
    assert f"cinegan convert vgg19 --download -o {path}" in str(error.value)
    assert f"cinegan convert vgg19 FILE -o {path}" in str(error.value)


@pytest.mark.parametrize("kept", [0, 5, 1000, 1_000_000])
def test_truncated_file_is_refused(layers: Any, tmp_path: Path, kept: int) -> None:
    path = save(tmp_path / "v.safetensors", layers)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UserError, match=r"cannot be read.*convert vgg19"):
        vgg19.load_vgg19(path)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"format": "something"}, "format something version 1, wanted cinegan-vgg19 version 1"),
        ({"format_version": "2"}, "version 2, wanted cinegan-vgg19 version 1"),
        (
            {"preprocessing": "caffe"},
            "preprocessing 'caffe', which is not one of keras, torchvision",
        ),
    ],
)
def test_foreign_metadata_are_refused(
    layers: Any, tmp_path: Path, metadata: dict[str, str], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        vgg19.load_vgg19(save(tmp_path / "v.safetensors", layers, **metadata))


def test_other_shapes_and_missing_layers_are_refused(layers: Any, tmp_path: Path) -> None:
    bias = {**layers["block2_conv1"], "bias": np.zeros(64, np.float32)}
    for other, message in [
        ({**layers, "block2_conv1": bias}, r"block2_conv1/bias is of shape \(64,\); .*\(128,\)"),
        ({k: v for k, v in layers.items() if k != "block3_conv4"}, "block3_conv4/.* is missing"),
    ]:
        with pytest.raises(UserError, match=message):
            vgg19.load_vgg19(save(tmp_path / "v.safetensors", other))
