import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cinegan_jax.data.shapes import CENTRE_SHIFT, KINDS, RADIUS, SHAPE_COLOURS, TURN, Shape, draw
from cinegan_jax.pages.image_grid import CAPTION, GUTTER
from cinegan_jax.sampling.copies import NeighbourComparison, RunImages, compare_with_training
from cinegan_jax.sampling.latent_generator import open_generator

SIZE = 32
COPIED = {3: "copy of 3", 5: "mirrored copy of 5"}


def _write(folder: Path, images: dict[str, np.ndarray]) -> None:
    folder.mkdir(parents=True)
    for name, image in images.items():
        Image.fromarray(image).save(folder / f"{name}.png")


@pytest.fixture(scope="module")
def copying_run(
    make_run: Callable[..., Path], latent_run: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Write a run with two of its samples, one of them mirrored, among 40 training images."""
    generator = open_generator(latent_run)
    made = generator.decode(generator.latents(np.arange(120)))
    train = {f"{number:03d}": image for number, image in enumerate(made[20:58])}
    data = tmp_path_factory.mktemp("images")
    copies = {COPIED[3]: made[3], COPIED[5]: made[5, :, ::-1]}
    _write(data / "train", {**train, **copies})
    (data / "train" / "broken.png").write_bytes(b"not an image")
    _write(data / "test", {f"{number:03d}": image for number, image in enumerate(made[60:])})
    return make_run(data / "run", **{"data.path": str(data)})


@pytest.fixture(scope="module")
def written(
    run_sample: Callable[..., str], copying_run: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """Return the folder of neighbours and the printed text."""
    folder = tmp_path_factory.mktemp("written") / "neighbours"
    return folder, run_sample(copying_run, "-n", 16, "--neighbours", 3, "-o", folder)


def test_copies_among_training_images_are_found(written: tuple[Path, str]) -> None:
    figures = json.loads((written[0] / "neighbours.json").read_text())
    nearest = [row[0] for row in figures["neighbours"]]
    found = {n: each for n, each in enumerate(nearest) if each["distance"] < 0.5}
    assert {n: each["name"] for n, each in found.items()} == {
        3: f"{COPIED[3]}.png",
        5: f"{COPIED[5]}.png",
    }
    assert [found[n]["mirrored"] for n in (3, 5)] == [False, True]
    for row in figures["neighbours"]:
        distances = [each["distance"] for each in row]
        assert len(row) == 3
        assert distances == sorted(distances)


def test_the_figures_reveal_copying(written: tuple[Path, str]) -> None:
    folder, said = written
    figures = json.loads((folder / "neighbours.json").read_text())
    assert figures["samples"] == 16
    assert figures["training_images"] == 40
    assert figures["held_out_images"] == 60
    assert figures["step"] == 6
    nearest = [row[0]["distance"] for row in figures["neighbours"]]
    assert figures["median_of_samples"] == pytest.approx(np.median(nearest), abs=0.01)
    assert figures["percentile_1_of_held_out"] < figures["median_of_held_out"]
    assert figures["share_of_samples_nearer"] >= 2 / 16
    assert "40 training images" in said
    assert f"{figures['share_of_samples_nearer']:.1%} of the samples are nearer" in said
    assert "last figure is meaningless" not in said


def test_the_sheet_starts_with_the_nearest_samples(
    written: tuple[Path, str], copying_run: Path
) -> None:
    with Image.open(written[0] / "neighbours.png") as image:
        sheet = np.asarray(image)
    row = CAPTION + SIZE + GUTTER
    assert sheet.shape == (16 * row + GUTTER, 4 * (SIZE + GUTTER) + GUTTER, 3)
    generator = open_generator(copying_run)
    images = generator.decode(generator.latents(np.arange(16)))
    cells = [
        sheet[top : top + SIZE, left : left + SIZE]
        for top in (GUTTER + CAPTION, GUTTER + CAPTION + row)
        for left in (GUTTER, 2 * GUTTER + SIZE)
    ]
    first = 3 if np.array_equal(cells[0], images[3]) else 5
    for cell, number in zip(cells, (first, first, 8 - first, 8 - first), strict=True):
        np.testing.assert_array_equal(cell, images[number])


def test_missing_training_images_are_named(
    run_sample: Callable[..., str], make_run: Callable[..., Path], tmp_path: Path
) -> None:
    run = make_run(tmp_path / "run", **{"data.path": str(tmp_path / "gone")})
    assert "gone" in run_sample(run, "--neighbours", 2, "-o", tmp_path / "out", code=2)


def test_unreadable_training_images_are_reported(
    run_sample: Callable[..., str], make_run: Callable[..., Path], tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (2, SIZE, SIZE, 3), dtype=np.uint8)
    _write(tmp_path / "test", {"a": noise[0], "b": noise[1]})
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "broken.png").write_bytes(b"not an image")
    run = make_run(tmp_path / "run", **{"data.path": str(tmp_path)})
    said = run_sample(run, "--neighbours", 2, "-o", tmp_path / "out", code=2)
    assert "none of the 1 training images" in said


def _fresh_shapes(rng: np.random.Generator, count: int, size: int) -> np.ndarray:
    """Draw shapes like those of the data set, with another seed."""
    modes = (rng.choice(list(KINDS), count), rng.choice(list(SHAPE_COLOURS), count))
    where = (rng.uniform(0.5 - CENTRE_SHIFT, 0.5 + CENTRE_SHIFT, count) for _ in range(2))
    how = (rng.uniform(*RADIUS, count), rng.uniform(-TURN, TURN, count))
    return np.stack([draw(Shape(*each), size) for each in zip(*modes, *where, *how, strict=True)])


def test_noisy_copies_are_found_and_new_images_of_the_same_kind_are_not(
    rng: np.random.Generator,
) -> None:
    data = RunImages("shapes", "", "", 32, "squash")
    copied = np.stack([data.train[int(index)].target for index in rng.integers(0, 10_000, 40)])
    noisy = np.clip(copied + rng.normal(0, 2, copied.shape), 0, 255).astype(np.uint8)
    images = np.concatenate([_fresh_shapes(rng, 200, 32), noisy])
    comparison = compare_with_training(images, data, k=1, progress=lambda batches, _: batches)
    assert comparison.trained == 10_000
    near = comparison.distances[:, 0] < np.percentile(comparison.held_out, 1)
    assert near[:200].mean() < 0.05
    assert near[200:].mean() > 0.9
    assert np.median(comparison.distances[:200, 0]) == pytest.approx(
        np.median(comparison.held_out), rel=0.1
    )
    assert comparison.figures()["share_of_samples_nearer"] == near.mean()


def test_held_out_images_that_were_trained_on_are_reported(rng: np.random.Generator) -> None:
    images = rng.integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
    distances = np.array([[3.0], [4.0], [5.0], [6.0]])
    places = np.zeros((4, 1), int)
    for held_out, reported in ((np.array([0.05, 4.0]), True), (np.array([2.0, 4.0]), False)):
        comparison = NeighbourComparison(images, distances, places, places > 0, held_out, trained=9)
        assert ("last figure is meaningless" in comparison.summary()) == reported
