"""Every Python block of README.md and docs/, run in order, page by page, in a small folder."""

import io
import re
import shutil
from collections.abc import Iterator
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from latent_runs import write_run
from PIL import Image

from cinegan_jax.data.samples import sample_photos
from cinegan_jax.evaluation import methods
from cinegan_jax.inference import look_lut
from cinegan_jax.ops.lut import fit_lut

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RUN_ELSEWHERE = {"export.md": "tests/inference/test_export_docs.py"}
"""Pages whose blocks another test runs."""
WRITTEN = {
    "api.md": (
        "developed.jpg",
        "velvia.cube",
        "velvia.onnx",
        "my_velvia.safetensors",
        "shape.png",
        "runs/mine/evaluation.json",
    )
}
"""Files that the blocks of a page leave behind."""
LONG = ("api.md",)
"""Pages whose blocks train and evaluate for more than a minute."""
NOT_RUN = re.compile(r"<!-- not run: \S.* -->\s*\Z")


class Block(NamedTuple):
    """A Python block of a page: its first line in the file, and its source."""

    line: int
    source: str


def python_blocks(page: Path) -> Iterator[Block]:
    """Yield the blocks of a page that are not marked by a comment `not run: REASON`."""
    text = page.read_text()
    for match in re.finditer(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        if not NOT_RUN.search(text[: match.start()]):
            yield Block(text[: match.start(1)].count("\n"), match[1])


WITH_BLOCKS = [
    page for page in PAGES if page.name not in RUN_ELSEWHERE and any(python_blocks(page))
]


@pytest.fixture
def folder(tmp_path: Path, trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a photo, a finished run of CineGAN, and one of a family of latents."""
    shutil.copytree(trained, tmp_path / "runs" / "a")
    write_run(tmp_path / "runs" / "shapes")
    pixels = np.random.default_rng(3).integers(0, 256, (6, 9, 3), np.uint8)
    photo = Image.fromarray(pixels).resize((96, 64), Image.Resampling.BICUBIC)
    photo.save(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    # Fits of LUTs are quick with few photos and few nodes.
    monkeypatch.setattr(methods, "fit_lut", partial(fit_lut, size=5))
    monkeypatch.setattr(look_lut, "sample_photos", lambda split: sample_photos(split)[:2])
    return tmp_path


def names_given(folder: Path) -> dict[str, Any]:
    """Return the names that blocks may use without defining them."""
    photo = np.asarray(Image.open(folder / "photo.jpg"))
    return {"__name__": "block", "photo": photo}


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=page.name, marks=pytest.mark.slow if page.name in LONG else ())
        for page in WITH_BLOCKS
    ],
)
def test_blocks_run_in_order(page: Path, folder: Path) -> None:
    names = names_given(folder)
    for block in python_blocks(page):
        source = "\n" * block.line + block.source  # so that errors name the line of the page
        with redirect_stdout(io.StringIO()):
            exec(compile(source, str(page), "exec"), names)
    for file in WRITTEN.get(page.name, ()):
        assert (folder / file).stat().st_size > 0
