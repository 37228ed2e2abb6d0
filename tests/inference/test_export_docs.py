"""The commands and programs of docs/export.md, run as written."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from cinegan_jax.cli import app
from cinegan_jax.inference.look import apply_generator, load_look
from cinegan_jax.inference.network import make_generate
from cinegan_jax.ops.images import to_signed

PAGE = (Path(__file__).parents[2] / "docs" / "export.md").read_text()
COMMANDS = re.findall(r"^cinegan (export .*)$", PAGE, re.MULTILINE)
PROGRAMS = dict(re.findall(r"^### (\w+)\n.*?^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the files of the page's commands and a photo of odd size."""
    folder = tmp_path_factory.mktemp("export")
    photo = np.random.default_rng(3).integers(0, 256, (9, 13, 3), np.uint8)
    Image.fromarray(photo).resize((61, 43), Image.Resampling.BICUBIC).save(folder / "photo.jpg")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for command in COMMANDS:
            result = CliRunner().invoke(app, shlex.split(command))
            assert result.exit_code == 0, result.output
    return folder


def test_there_are_a_command_and_a_program_for_each_format(folder: Path) -> None:
    assert set(PROGRAMS) == {"ONNX", "StableHLO", "safetensors"}
    assert sorted(file.suffix for file in folder.iterdir()) == [
        ".jpg",
        ".onnx",
        ".safetensors",
        ".stablehlo",
    ]


@pytest.mark.parametrize("form", PROGRAMS)
def test_the_programs_give_the_generators_image(
    folder: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.chdir(folder)
    exec(PROGRAMS[form], {})
    with Image.open("photo.jpg") as photo, Image.open("result.png") as image:
        photo, image = np.asarray(photo), np.asarray(image)
    Path("result.png").unlink()
    look = load_look("classic_neg")
    generate = make_generate(
        lambda kernels, photos: apply_generator(look.generator, kernels, to_signed(photos)),
        look.kernels,
        bucket=8,
    )
    assert np.abs(image - generate(photo).astype(int)).max() <= 1
