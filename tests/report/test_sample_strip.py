"""Sample grids as frames of bounded size."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from etils import epath
from PIL import Image

from cinegan_jax.report.run_files import read_run
from cinegan_jax.report.samples import FRAME_SIDE, MOST_FRAMES, Frames, evenly, read_frames


def frames(workdir: Path, **bounds: int) -> Frames:
    return read_frames(read_run(epath.Path(workdir)), **bounds)


def image(frame: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(frame.partition(",")[2])))


def test_all_frames_are_shown_where_they_fit(workdir: Path) -> None:
    found = frames(workdir)
    assert ([f.step for f in found.shown], found.total) == ([100, 200, 300, 400], 4)
    assert image(found.shown[0].image).size == (30, 40)


def test_frames_are_thinned_out_evenly_to_the_budget(workdir: Path) -> None:
    source = (workdir / "samples" / "0000100.png").read_bytes()
    for step in range(100, 10_100, 100):
        (workdir / "samples" / f"{step:07d}.png").write_bytes(source)
    size = len(base64.b64decode(frames(workdir).shown[0].image.partition(",")[2]))
    found = frames(workdir, budget=11 * size)
    steps = [f.step for f in found.shown]
    assert (len(steps), steps[0], steps[-1]) == (11, 100, 10_000)
    assert set(np.diff(steps).tolist()) <= {900, 1000}
    assert found.total == 100


def test_frames_that_grow_stay_in_the_budget(workdir: Path, rng: np.random.Generator) -> None:
    for step in range(100, 1100, 100):
        side = 200 if step == 300 else 20
        noise = rng.integers(0, 256, (side, side, 3), np.uint8)
        Image.fromarray(noise).save(workdir / "samples" / f"{step:07d}.png")
    found = frames(workdir, budget=10_000)
    sizes = [len(base64.b64decode(f.image.partition(",")[2])) for f in found.shown]
    assert sum(sizes) <= 10_000
    assert found.shown[-1].step == 1000


def test_incomplete_images_are_named(workdir: Path) -> None:
    path = workdir / "samples" / "0000300.png"
    path.write_bytes(path.read_bytes()[:500])
    (workdir / "samples" / "0000400.png").write_bytes(b"")
    found = frames(workdir)
    assert [f.step for f in found.shown] == [100, 200]
    assert set(found.unreadable) == {"0000300.png", "0000400.png"}


def test_large_grids_are_reduced(workdir: Path) -> None:
    Image.new("RGB", (1000, 2 * FRAME_SIDE)).save(workdir / "samples" / "0000500.png")
    assert image(frames(workdir).shown[-1].image).size == (500, FRAME_SIDE)


@pytest.mark.parametrize("most", [1, 2, 3, MOST_FRAMES])
def test_evenly_keeps_both_ends(most: int) -> None:
    items = list(range(1000))
    found = evenly(items, most)
    assert len(found) == most
    assert found[-1] == 999
    assert most == 1 or found[0] == 0
    assert len(set(np.diff(found).tolist())) <= 2
