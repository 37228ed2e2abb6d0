"""Names of results that come from the name of a workdir or look file, however it is spelled."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import runs
import safetensors.numpy
from click.testing import Result
from typer.testing import CliRunner

from cinegan_jax.checkpointing.checkpoints import Checkpoints
from cinegan_jax.cli import app
from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import base_name
from cinegan_jax.families.registry import build_family
from cinegan_jax.inference import lut_fit
from cinegan_jax.inference.look_file import read_look

Apply = Callable[..., Result]
WritePhoto = Callable[..., Path]


@pytest.fixture(scope="module")
def random_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Workdir `summer` of a tiny CineGAN with one checkpoint of random networks."""
    workdir = tmp_path_factory.mktemp("runs") / "summer"
    config = runs.config_of(runs.TINY)
    family = build_family(config)
    size = config.data.size
    images = jax.ShapeDtypeStruct((1, size, size, 3), np.uint8)
    batch = {"input": images, "target": images}
    shapes = jax.eval_shape(family.init, jax.random.key(0), batch)
    rng = np.random.default_rng(0)
    params, model_state = jax.tree.map(
        lambda leaf: jnp.asarray(rng.normal(size=leaf.shape), leaf.dtype), tuple(shapes)
    )
    state = {"step": jnp.int32(2), "params": dict(params), "model_state": model_state}
    state["ema"] = {player: params[player] for player in family.averaged}
    with Checkpoints(workdir, best_metric="psnr") as checkpoints:
        checkpoints.save(2, state, None, {}, {"psnr": 20.0})
    (workdir / "config.json").write_text(json.dumps(config.to_dict()))
    return workdir


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


SPELLINGS = [("summer", "."), ("summer/checkpoints", ".."), ("", "summer/"), ("", "summer/.")]


@pytest.mark.parametrize(("current", "weights"), SPELLINGS)
def test_results_are_named_after_the_folder_of_the_run(
    random_run: Path,
    apply: Apply,
    write_photo: WritePhoto,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    current: str,
    weights: str,
) -> None:
    photo = write_photo(tmp_path / "IMG.png")
    monkeypatch.chdir(random_run.parent / current)
    assert apply(photo, "--weights", weights).exit_code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"IMG.png", "IMG_summer.png"}


def test_exports_and_luts_are_named_after_the_folder_of_the_run(
    random_run: Path, write_photo: WritePhoto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"FIT_SIZE": 5, "PIXELS": 2000, "LONG_SIDE": 48, "SHORT_SIDE": 32}.items():
        monkeypatch.setattr(lut_fit, name, value)
    for number in range(2):
        write_photo(tmp_path / "photos" / f"{number}.png", 60, 40)
    run = shutil.copytree(random_run, tmp_path / "winter")
    before = set(run.iterdir())
    monkeypatch.chdir(run)
    assert invoke("export", "--weights", ".", "--format", "safetensors").exit_code == 0
    lut = invoke("lut", "--weights", ".", "--photos", tmp_path / "photos", "--size", 17)
    assert lut.exit_code == 0
    new = {path.name for path in set(run.iterdir()) - before}
    assert new == {"winter.safetensors", "winter.cube"}
    assert read_look(run / "winter.safetensors").name == "winter"
    assert "# The colours of the look winter at" in (run / "winter.cube").read_text()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("gs://bucket", "bucket"),
        ("gs://bucket/", "bucket"),
        ("gs://bucket/runs/velvia/", "velvia"),
        ("runs/velvia/", "velvia"),
        ("runs/./velvia/.", "velvia"),
        ("/", "fallback"),
        ("/..", "fallback"),
    ],
)
def test_a_path_always_has_a_name(path: str, name: str) -> None:
    assert base_name(path, "fallback") == name


def test_a_relative_path_has_the_name_of_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "outer" / "inner"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    names = {path: base_name(path) for path in (".", "", "./", "..", "../", "../..")}
    assert names == {
        ".": "inner",
        "": "inner",
        "./": "inner",
        "..": "outer",
        "../": "outer",
        "../..": tmp_path.name,
    }


@pytest.mark.parametrize("name", ["", ".", "..", "/../../x", "a/b", "nul\0"])
def test_a_look_file_whose_name_cannot_be_a_file_name_is_refused(
    tiny_look: Path, name: str
) -> None:
    arrays = safetensors.numpy.load_file(tiny_look)
    with safetensors.safe_open(tiny_look, "numpy") as file:
        metadata = {**file.metadata(), "name": name}
    safetensors.numpy.save_file(arrays, tiny_look, metadata)
    with pytest.raises(UserError, match="cannot be part of a file name"):
        read_look(tiny_look)


def test_a_look_file_without_a_name_is_refused(tiny_look: Path) -> None:
    arrays = safetensors.numpy.load_file(tiny_look)
    with safetensors.safe_open(tiny_look, "numpy") as file:
        metadata = {key: value for key, value in file.metadata().items() if key != "name"}
    safetensors.numpy.save_file(arrays, tiny_look, metadata)
    with pytest.raises(UserError, match=r"gives its look the name ''"):
        read_look(tiny_look)


@pytest.mark.parametrize("output", [".", "", "..", "folder"])
def test_an_export_to_a_folder_is_refused(
    tiny_look: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    result = invoke("export", "--weights", tiny_look, "--format", "onnx", "-o", output)
    assert (result.exit_code, "cannot be written: it is a folder" in result.stderr) == (2, True)
    assert {path.name for path in tmp_path.iterdir()} == {tiny_look.name, "folder"}
