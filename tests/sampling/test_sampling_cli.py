import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import runs
from etils import epath
from PIL import Image
from scipy.special import expit

from cinegan_jax.pages.image_grid import CAPTION, GUTTER
from cinegan_jax.sampling.latent_generator import open_generator

SIZE = runs.TOY_LATENT["data.size"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change to a temporary folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _expected(
    run: Path, count: int, seed: int = 0, **options: Any
) -> tuple[np.ndarray, np.ndarray]:
    generator = open_generator(run, seed=seed, **options)
    images = generator.decode(generator.latents(np.arange(count)))
    return images, generator.judge(images)


def _read(file: Path) -> np.ndarray:
    with Image.open(file) as image:
        assert image.format == "PNG"
        assert image.mode == "RGB"
        return np.asarray(image)


def test_image_files_are_named_by_seed_and_number(
    run_sample: Callable[..., str], latent_run: Path, here: Path
) -> None:
    said = run_sample(latent_run, "-n", 5, "--seed", 3)
    folder = here / "run-samples"
    assert said == "run-samples: 5 images from step 6\n"
    assert sorted(p.name for p in folder.iterdir()) == [f"seed3-{n:06d}.png" for n in range(5)]
    found = np.stack([_read(folder / f"seed3-{n:06d}.png") for n in range(5)])
    np.testing.assert_array_equal(found, _expected(latent_run, 5, seed=3)[0])


def test_scores_are_written_to_a_file(
    run_sample: Callable[..., str], latent_run: Path, here: Path
) -> None:
    run_sample(latent_run, "-n", 3, "--scores", "-o", "made")
    scores = json.loads((here / "made" / "seed0-scores.json").read_text())
    assert list(scores) == [f"seed0-{n:06d}.png" for n in range(3)]
    np.testing.assert_allclose(list(scores.values()), expit(_expected(latent_run, 3)[1]), rtol=1e-5)


def test_seeds_share_a_folder_and_nothing_is_overwritten(
    run_sample: Callable[..., str], latent_run: Path, here: Path
) -> None:
    run_sample(latent_run, "-n", 2)
    run_sample(latent_run, "-n", 2, "--seed", 1)
    before = (here / "run-samples" / "seed0-000000.png").read_bytes()
    said = run_sample(latent_run, "-n", 3, "--checkpoint", 2, code=2)
    assert "run-samples/seed0-000000.png and 1 others exist: give another place" in said
    assert (here / "run-samples" / "seed0-000000.png").read_bytes() == before
    run_sample(latent_run, "-n", 3, "--checkpoint", 2, "--overwrite")
    assert (here / "run-samples" / "seed0-000000.png").read_bytes() != before
    assert len(list((here / "run-samples").iterdir())) == 5


@pytest.mark.parametrize("scores", [False, True])
def test_a_grid(run_sample: Callable[..., str], latent_run: Path, here: Path, scores: bool) -> None:
    said = run_sample(latent_run, "--grid", "3x2", *["--scores"] * scores)
    assert said == "run-grid.png: 6 images from step 6\n"
    grid = _read(here / "run-grid.png")
    cell = SIZE + scores * CAPTION + GUTTER
    assert grid.shape == (2 * cell + GUTTER, 3 * (SIZE + GUTTER) + GUTTER, 3)
    for number, image in enumerate(_expected(latent_run, 6)[0]):
        top = (number // 3) * cell + GUTTER + scores * CAPTION
        left = (number % 3) * (SIZE + GUTTER) + GUTTER
        np.testing.assert_array_equal(grid[top : top + SIZE, left : left + SIZE], image)


def test_a_walk_as_webp(run_sample: Callable[..., str], latent_run: Path, here: Path) -> None:
    said = run_sample(latent_run, "--walk", 3, "--frames", 12, "--fps", 6)
    assert said == "run-walk.webp: 12 frames, 2.0 s, from step 6\n"
    with Image.open(here / "run-walk.webp") as walk:
        assert walk.n_frames == 12
        assert walk.size == (SIZE, SIZE)


def test_a_grid_of_walks_as_mp4(
    run_sample: Callable[..., str], latent_run: Path, here: Path, needs_ffmpeg: None
) -> None:
    run_sample(latent_run, "--walk", 2, "--grid", "3x2", "--frames", 5, "-o", "walks.mp4")
    entries = "stream=width,height,nb_read_frames"
    probe = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", entries, "-of", "json"]
    streams = json.loads(subprocess.check_output([*probe, "walks.mp4"]))["streams"]
    side = SIZE + GUTTER
    width, height = 3 * side + GUTTER, 2 * side + GUTTER
    assert streams == [{"width": width, "height": height, "nb_read_frames": "5"}]


def test_the_requested_step_and_truncation(
    run_sample: Callable[..., str], latent_run: Path, here: Path
) -> None:
    run_sample(latent_run, "-n", 1, "--checkpoint", "best", "--truncation", 0.25)
    expected, _ = _expected(latent_run, 1, which="best", truncation=0.25)
    np.testing.assert_array_equal(_read(here / "run-samples" / "seed0-000000.png"), expected[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--grid", "8"], "--grid=8: give COLUMNSxROWS"),
        (["--grid", "0x3"], "--grid=0x3: give COLUMNSxROWS"),
        (["--grid", "2x2", "-n", "4"], "--count and --grid exclude each other"),
        (["--walk", "3", "--scores"], "--walk and --scores exclude each other"),
        (["--walk", "9", "--frames", "8"], "needs 9 frames or more, not 8"),
        (["--walk", "3", "-o", "walk.gif"], "ends with .webp or .mp4"),
        (["--checkpoint", "last"], "--checkpoint=last is not newest, best or the number"),
        (["--checkpoint", "5"], "no checkpoint of step 5; it has those of 2, 4, 6"),
        (["--grid", "2x2", "-o", "."], "is a folder: give the name of a file"),
        (["-n", "0"], "'--count'"),
        (["--seed", "-1"], "'--seed'"),
        (["--seed", str(2**32)], "'--seed'"),
        (["--walk", "1"], "'--walk'"),
        (["--truncation", "-0.5"], "'--truncation'"),
    ],
)
def test_wrong_options_are_named(
    run_sample: Callable[..., str], latent_run: Path, here: Path, arguments: list[str], message: str
) -> None:
    assert message in " ".join(run_sample(latent_run, *arguments, code=2).replace("│", " ").split())
    assert not list(here.rglob("*.*"))


def test_a_folder_that_cannot_be_written_is_named(
    run_sample: Callable[..., str], latent_run: Path, here: Path
) -> None:
    (here / "file").write_text("")
    assert "file is a file: give a folder" in run_sample(latent_run, "-n", 1, "-o", "file", code=2)
    assert "cannot be made" in run_sample(
        latent_run, "--grid", "1x1", "-o", "file/grid.png", code=2
    )


def test_a_full_disk(
    run_sample: Callable[..., str], latent_run: Path, here: Path, mount_disk: Callable[[str], Path]
) -> None:
    disk = mount_disk("16k")
    said = run_sample(latent_run, "-n", 20, "-o", disk, code=2)
    assert "cannot be written: No space left on device" in said
    for file in disk.iterdir():  # what is there is whole
        assert _read(file).shape == (SIZE, SIZE, 3)
    assert not list(disk.glob(".*"))


def test_runs_without_latents_are_refused(run_sample: Callable[..., str], here: Path) -> None:
    assert "has no config.json" in run_sample(here / "nothing", code=2)
    (here / "config.json").write_text(json.dumps(runs.config_of(runs.TOY).to_dict()))
    assert "use `cinegan apply --weights" in run_sample(here, code=2)


def test_in_a_bucket(
    run_sample: Callable[..., str], latent_run: Path, bucket: epath.Path, here: Path
) -> None:
    run_sample(latent_run, "--grid", "2x1", "-o", f"{bucket}/grid.png")
    (here / "grid.png").write_bytes((bucket / "grid.png").read_bytes())
    assert _read(here / "grid.png").shape[1] == 2 * (SIZE + GUTTER) + GUTTER
    assert "exists" in run_sample(latent_run, "--grid", "2x1", "-o", f"{bucket}/grid.png", code=2)
