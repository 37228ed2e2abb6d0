import shutil
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import jax
import keras
import numpy as np
import pytest
from click.testing import Result
from keras import layers
from typer.testing import CliRunner

from cinegan_jax.cli import app
from cinegan_jax.convert import keras_file
from cinegan_jax.convert.cinegan import read_keras_generator
from cinegan_jax.core.errors import UserError
from cinegan_jax.inference.look import apply_generator
from cinegan_jax.inference.look_file import read_look

MEMBER = "model.weights.h5"


class SEBlock(layers.Layer):
    """The published layer: `build` makes its sublayers, and the first call builds them."""

    def __init__(self, filters: int, ratio: int = 16, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters, self.ratio = filters, ratio

    def build(self, input_shape: Any) -> None:
        self.global_pool = layers.GlobalAveragePooling2D()
        self.dense1 = layers.Dense(self.filters // self.ratio, activation="relu")
        self.dense2 = layers.Dense(self.filters, activation="sigmoid")
        self.reshape = layers.Reshape((1, 1, self.filters))

    def call(self, x: Any) -> Any:
        return x * self.reshape(self.dense2(self.dense1(self.global_pool(x))))


class ResidualBlock(layers.Layer):
    def __init__(self, filters: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters

    def build(self, input_shape: Any) -> None:
        self.conv1 = layers.Conv2D(self.filters, 3, padding="same")
        self.norm1 = layers.GroupNormalization(groups=-1)
        self.conv2 = layers.Conv2D(self.filters, 3, padding="same")
        self.norm2 = layers.GroupNormalization(groups=-1)

    def call(self, x: Any) -> Any:
        y = keras.ops.relu(self.norm1(self.conv1(x)))
        return x + self.norm2(self.conv2(y))


def depth_to_space(x: Any) -> Any:
    _, h, w, c = x.shape
    x = keras.ops.reshape(x, (-1, h, w, 2, 2, c // 4))
    return keras.ops.reshape(keras.ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, 2 * h, 2 * w, c // 4))


def published_generator(width: int, num_blocks: int, size: int) -> keras.Model:
    """The generator as its notebook builds it, at another width and depth."""

    def norm_relu(x: Any) -> Any:
        return layers.ReLU()(layers.GroupNormalization(groups=-1)(x))

    def down(x: Any, filters: int) -> Any:
        conv = layers.Conv2D(filters, 3, strides=2, padding="same")
        return norm_relu(layers.SpectralNormalization(conv)(x))

    def up(x: Any, skip: Any, filters: int) -> Any:
        x = layers.Conv2D(4 * filters, 3, padding="same")(x)
        x = norm_relu(layers.Lambda(depth_to_space)(x))
        x = layers.Concatenate()([x, SEBlock(filters)(skip)])
        return norm_relu(layers.Conv2D(filters, 3, padding="same")(x))

    photo = keras.Input((size, size, 3))
    e1 = norm_relu(layers.Conv2D(width, 7, padding="same")(photo))
    e2 = down(e1, 2 * width)
    e3 = down(e2, 4 * width)
    x = down(e3, 8 * width)
    for _ in range(num_blocks):
        x = ResidualBlock(8 * width)(x)
    x = up(up(up(x, e3, 4 * width), e2, 2 * width), e1, width)
    return keras.Model(photo, layers.Conv2D(3, 7, padding="same", activation="tanh")(x))


def randomize(model: keras.Model, rng: np.random.Generator) -> None:
    """Every weight random, the vectors of spectral normalisation too."""
    for weight in model.weights:
        noise = rng.normal(size=weight.shape)
        match weight.name:
            case "kernel":
                weight.assign(noise / np.sqrt(np.prod(weight.shape[:-1])))
            case "gamma":
                weight.assign(1 + 0.3 * noise)
            case "bias" | "beta" | "vector_u":
                weight.assign(0.3 * noise)


Saved = tuple[Path, np.ndarray, np.ndarray]
"""A file, photos, and the images that Keras generates from them."""


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    """Save a generator of width 16 with 2 blocks; apply it to two photos."""
    rng = np.random.default_rng(7)
    path = tmp_path_factory.mktemp("keras") / "generator.keras"
    photos = rng.uniform(-1, 1, (2, 64, 64, 3)).astype(np.float32)
    with jax.numpy_rank_promotion("allow"), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Keras' variables as numpy arrays
        model = published_generator(16, 2, 64)
        randomize(model, rng)
        model.save(path)
        again = published_generator(16, 2, 64)
        again.load_weights(path)
        return path, photos, again.predict_on_batch(photos)


def rewritten(source: Path, target: Path, edit: Any) -> Path:
    """Copy a `.keras` file and apply `edit(HDF5 file)` to its weights."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        (target.parent / "weights").write_bytes(old.read(MEMBER))
        with h5py.File(target.parent / "weights", "r+") as file:
            edit(file)
        new.write(target.parent / "weights", MEMBER)
    return target


def renumber(file: h5py.File, first: int) -> None:
    """Number layers from another start, as in a process that created layers before."""
    group = file["layers"]
    for name in list(group):
        stem, _, number = name.rpartition("_")
        stem, number = (stem, int(number)) if number.isdigit() else (name, 0)
        group.move(name, f"_{stem}_{number + first}")
    for name in list(group):
        group.move(name, name[1:])


@pytest.mark.parametrize("first", [0, 7, 37])
def test_images_are_those_of_keras(saved: Saved, tmp_path: Path, first: int) -> None:
    """Wherever the numbers of the layers begin; the order of 9 and 10 is not that of texts."""
    path, photos, wanted = saved
    if first:
        path = rewritten(path, tmp_path / "generator.keras", lambda file: renumber(file, first))
    generator, kernels = read_keras_generator(path)
    assert (generator.width, generator.num_blocks) == (16, 2)
    assert not generator.residual
    assert not generator.colour_path
    got = jax.jit(generator.apply)({"params": kernels}, photos)
    np.testing.assert_allclose(got, wanted, atol=1e-4)


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-4), ("float16", 0.02)])
def test_the_command_writes_a_look_file(
    saved: Saved, tmp_path: Path, precision: str, tolerance: float
) -> None:
    path, photos, wanted = saved
    output = tmp_path / "new" / "cinegan.safetensors"
    result = run(path, "-o", output, "--precision", precision)
    assert result.exit_code == 0, result.output
    assert "width 16, 2 blocks" in result.output
    look = read_look(output)
    assert look.name == "cinegan"
    got = jax.jit(lambda k, x: apply_generator(look.generator, k, x))(look.kernels, photos)
    np.testing.assert_allclose(got, wanted, atol=tolerance)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["convert", "cinegan", *map(str, arguments)])


def test_the_command_leaves_an_old_file_where_it_fails(tmp_path: Path) -> None:
    (tmp_path / "look.safetensors").write_text("as it was")
    result = run(tmp_path / "none.keras", "-o", tmp_path / "look.safetensors")
    assert result.exit_code == 2
    assert "none.keras" in result.output
    assert (tmp_path / "look.safetensors").read_text() == "as it was"


def refuse(path: Path, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        read_keras_generator(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    "lost",
    [
        "layers",
        "layers/spectral_normalization_1/layer",
        "layers/se_block_2/dense2/vars/1",
        "layers/residual_block_1/norm2",
        "layers/conv2d_3/vars",
    ],
)
def test_a_missing_part_is_named(saved: Saved, tmp_path: Path, lost: str) -> None:
    refuse(
        rewritten(saved[0], tmp_path / "a.keras", lambda f: f.__delitem__(lost)), rf"no .*{lost}"
    )


@pytest.mark.parametrize(("kind", "count"), [("conv2d", 8), ("group_normalization", 10)])
def test_a_missing_layer(saved: Saved, tmp_path: Path, kind: str, count: int) -> None:
    path = rewritten(saved[0], tmp_path / "a.keras", lambda f: f.__delitem__(f"layers/{kind}_2"))
    refuse(path, rf"{count} layers {kind}, but the file {count - 1}: .*{kind}_1, .*{kind}_3")


def test_a_wrong_shape_is_shown_with_the_right_one(saved: Saved, tmp_path: Path) -> None:
    def swap(file: h5py.File) -> None:
        file["layers"].move("conv2d_2", "x")
        file["layers"].move("conv2d_3", "conv2d_2")
        file["layers"].move("x", "conv2d_3")

    path = rewritten(saved[0], tmp_path / "a.keras", swap)
    refuse(path, r"conv2d_2/vars/1 has .* \(128,\), but up1/join/conv/bias .*16 needs \(64,\)")


def replace(name: str, **dataset: Any) -> Callable[[h5py.File], None]:
    def edit(file: h5py.File) -> None:
        del file[name]
        file.create_dataset(name, **dataset)

    return edit


FIRST, LAST = "layers/conv2d/vars/0", "layers/conv2d_7/vars/1"


def test_hostile_arrays(saved: Saved, tmp_path: Path) -> None:
    """Arrays of huge shapes, of another type, in another file; and links to other files."""
    (tmp_path / "secret").write_bytes(bytes(64))
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["bias"] = np.zeros(3, np.float32)
    edits = {
        "is not an array": lambda f: (f.__delitem__(LAST), f.create_group(LAST)),
        "not a plain array": replace(LAST, data=np.array([1, 2, 3])),
        "not a plain  array": replace(
            LAST, shape=(3,), dtype="f4", external=[(str(tmp_path / "secret"), 0, 12)]
        ),
        "there is no /layers/conv2d_7": lambda f: (
            f.__delitem__(LAST),
            f.__setitem__(LAST, h5py.ExternalLink(str(tmp_path / "other.h5"), "/bias")),
        ),
        r"shape \(\), but must have \(7, 7, 3, width\)": replace(FIRST, data=np.float32(1)),
        r"width of at most 1024": replace(FIRST, shape=(7, 7, 3, 9999), dtype="f4"),
        "cannot be read": lambda f: h5py.h5g.create(f["layers"].id, b"\xff"),
        "at most 64": lambda f: [
            f.create_group(f"layers/residual_block_{i}") for i in range(2, 99)
        ],
    }
    for message, edit in edits.items():
        refuse(rewritten(saved[0], tmp_path / "a.keras", edit), message.replace("  ", " "))


def test_arrays_larger_than_the_file(saved: Saved, tmp_path: Path) -> None:
    """A file may declare arrays without storing them; they read as zeros."""
    shapes = {}
    path = tmp_path / "a.keras"
    with zipfile.ZipFile(saved[0]) as archive, h5py.File(archive.open(MEMBER)) as file:
        file["layers"].visititems(
            lambda name, item: shapes.update({name: getattr(item, "shape", 0)})
        )
    with h5py.File(tmp_path / "hollow", "w") as file:
        for name, shape in shapes.items():
            if shape:
                file.create_dataset(f"layers/{name}", shape, "f4")
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(tmp_path / "hollow", MEMBER)
    refuse(path, "the arrays have .* bytes, but .* only")


def test_a_zip_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "other.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("config.json", "../../model.weights.h5"):
            archive.writestr(name, "x")
    refuse(path, r"no member model.weights.h5, .*'config.json', '\.\./\.\./model.weights.h5'")


def test_a_zip_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "bomb.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MEMBER, bytes(1 << 20))
    monkeypatch.setattr(keras_file, "MAX_BYTES", 1 << 19)
    monkeypatch.setattr(shutil, "copyfileobj", lambda *_: pytest.fail("unpacked"))
    refuse(path, "1,048,576 bytes; at most 524,288")


def test_an_encrypted_member(saved: Saved, tmp_path: Path) -> None:
    """The flag is bit 0 at byte 6 of the local header, and at byte 8 of the central one."""
    content = bytearray(saved[0].read_bytes())
    with zipfile.ZipFile(saved[0]) as archive:
        content[archive.getinfo(MEMBER).header_offset + 6] |= 1
    content[content.rindex(b"PK\x01\x02", 0, content.rindex(MEMBER.encode())) + 8] |= 1
    (tmp_path / "a.keras").write_bytes(content)
    refuse(tmp_path / "a.keras", "encrypted")


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04" + bytes(100)])
def test_no_zip(tmp_path: Path, content: Any) -> None:
    (tmp_path / "a.keras").write_bytes(content)
    refuse(tmp_path / "a.keras", "damaged, or not a .keras file")


@pytest.mark.parametrize("content", [b"", b"text", b"\x89HDF\r\n\x1a\n" + bytes(500)])
def test_no_hdf5_inside(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "a.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MEMBER, content)
    refuse(path, "cannot be read")


@pytest.mark.parametrize("part", [0.01, 0.3, 0.7, 0.999])
def test_a_truncated_file(saved: Saved, tmp_path: Path, part: float) -> None:
    content = saved[0].read_bytes()
    (tmp_path / "a.keras").write_bytes(content[: int(part * len(content))])
    refuse(tmp_path / "a.keras", "damaged")


def test_a_flipped_bit_is_found_by_its_checksum(saved: Saved, tmp_path: Path) -> None:
    content = bytearray(saved[0].read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "a.keras").write_bytes(content)
    refuse(tmp_path / "a.keras", "damaged.*CRC")


def test_kernels_that_are_not_finite(saved: Saved, tmp_path: Path) -> None:
    path = rewritten(saved[0], tmp_path / "a.keras", replace(LAST, data=np.float32([1, 2, np.nan])))
    result = run(path, "-o", tmp_path / "look")
    assert result.exit_code == 2
    assert "output/bias is nan" in result.output
