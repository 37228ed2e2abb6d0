"""Names that look the same, and `~`, in paths of every kind."""

import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from cinegan_jax.cli import app
from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import absolute, expand_home, open_path
from cinegan_jax.data.images import images_below, split_images
from cinegan_jax.data.pairs import open_pairs
from cinegan_jax.film.render import load_recipe
from cinegan_jax.photos.kinds import without_developed_raw
from cinegan_jax.prepare.plan import make_plan
from cinegan_jax.prepare.settings import PrepareSettings

NAME = "Übergang Café"
COMPOSED, DECOMPOSED = (unicodedata.normalize(form, NAME) for form in ("NFC", "NFD"))


def save(path: Path, rng: np.random.Generator) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8)).save(path)
    return path


@pytest.fixture
def pairs(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Pairs whose input has the composed form, and whose target the decomposed one."""
    for split in ("train", "test"):
        save(tmp_path / split / "input" / f"{COMPOSED}.png", rng)
        save(tmp_path / split / "Look" / f"{DECOMPOSED}.png", rng)
    return tmp_path


def test_the_images_of_a_pair_may_have_both_forms(pairs: Path) -> None:
    for split in ("train", "test"):  # the second is what an evaluation opens
        found = open_pairs(str(pairs), split, "Look")
        assert list(found.names) == [COMPOSED]
        assert found[0].name == COMPOSED


def test_prepare_matches_both_forms(pairs: Path) -> None:
    plan = make_plan(str(pairs), PrepareSettings(look="Look", size=32))
    names = [example.name for shard in plan.shards for example in shard.examples]
    assert names == [COMPOSED, COMPOSED]
    assert not plan.rejected


@pytest.mark.parametrize(
    "read", [lambda root: open_pairs(str(root), "train", "Look"), lambda root: images_below(root)]
)
def test_two_files_of_one_name_are_an_error_with_both(
    pairs: Path, rng: np.random.Generator, read: Callable[[Path], object]
) -> None:
    save(pairs / "train" / "input" / f"{DECOMPOSED}.png", rng)
    with pytest.raises(UserError) as refused:
        read(pairs)
    assert ascii(f"{COMPOSED}.png")[1:-1] in str(refused.value)
    assert ascii(f"{DECOMPOSED}.png")[1:-1] in str(refused.value)
    assert "look the same" in str(refused.value)


def test_photos_of_one_name_are_left_out_by_prepare(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    for name in ("other", COMPOSED, DECOMPOSED):
        save(tmp_path / f"{name}.png", rng)
    plan = make_plan(str(tmp_path), PrepareSettings(look="velvia", size=32))
    assert len(plan.rejected) == 1
    assert "has the name of" in plan.rejected[0].reason


def test_a_raw_file_and_its_developed_image_may_have_both_forms(tmp_path: Path) -> None:
    developed = tmp_path / f"{DECOMPOSED}.JPG"
    assert without_developed_raw([tmp_path / f"{COMPOSED}.CR2", developed]) == [developed]


def test_a_list_of_splits_may_have_the_other_form(tmp_path: Path, rng: np.random.Generator) -> None:
    for name in ("a", unicodedata.normalize("NFD", "é")):
        save(tmp_path / f"{name}.png", rng)
    lines = ["a.png 0", f"{unicodedata.normalize('NFC', 'é')}.png 2"]
    (tmp_path / "list_eval_partition.txt").write_text("\n".join(lines))
    found = split_images(tmp_path)
    assert [len(found[split]) for split in ("train", "test")] == [1, 1]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_paths_begin_at_home(home: Path, pairs: Path) -> None:
    assert open_path("~/runs/a") == home / "runs" / "a"
    assert absolute("~/runs/a") == home / "runs" / "a"
    assert len(open_pairs("~", "train", "Look")) == 1
    with pytest.raises(UserError, match=str(home / "mine.cube")):
        load_recipe("~/mine.cube")


@pytest.mark.parametrize(
    ("argument", "expanded"),
    [
        ("~/runs", "{}/runs"),
        ("--workdir=~/runs", "--workdir={}/runs"),
        ("--set=data.path=~/photos", "--set=data.path={}/photos"),
        ("data.path=~/photos", "data.path={}/photos"),
        ("~", "{}"),
        ("--out=~", "--out={}"),
        ("gs://bucket/~/runs", "gs://bucket/~/runs"),
        ("a~/b", "a~/b"),
        ("~$notes.jpg", "~$notes.jpg"),
        ("--name=a~b", "--name=a~b"),
    ],
)
def test_arguments_begin_at_home(home: Path, argument: str, expanded: str) -> None:
    assert expand_home(argument) == expanded.format(home)


def test_commands_take_paths_that_begin_at_home(home: Path, pairs: Path) -> None:
    command = ["prepare", "~", "~/out", "--look=Look", "--size=32", "--no-check-alignment"]
    done = CliRunner().invoke(app, [*command, "--jobs=1"])
    assert done.exit_code == 0, done.output
    assert (home / "out" / "manifest.json").exists()
