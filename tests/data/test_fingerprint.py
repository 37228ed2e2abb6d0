"""The fingerprint of training data: the same for copies, another for other data."""

import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import runs
from etils import epath

from cinegan_jax.data.fingerprint import data_fingerprint
from cinegan_jax.film.lut_files import write_lut
from cinegan_jax.prepare.prepare import prepare_shards
from cinegan_jax.prepare.settings import PrepareSettings

EMBEDDED = {"learns_from": "pairs", "path": "samples"}


@pytest.fixture
def pairs(tmp_path: Path, rng: np.random.Generator) -> Path:
    return runs.write_pairs(tmp_path / "pairs", rng, train=3)


def of_pairs(folder: object) -> str:
    return data_fingerprint("pairs", str(folder), "Look")


def upload(source: Path, target: epath.Path) -> epath.Path:
    for file in source.rglob("*.png"):
        (target / file.relative_to(source)).write_bytes(file.read_bytes())
    return target


def test_copies_have_the_same_fingerprint(pairs: Path, tmp_path: Path, bucket: epath.Path) -> None:
    moved = shutil.copytree(pairs, tmp_path / "moved")
    (moved / "train" / "input" / "Thumbs.db").write_bytes(b"no image")
    assert of_pairs(moved) == of_pairs(pairs) == of_pairs(upload(pairs, bucket))


def remove_a_pair(folder: Path) -> None:
    for side in ("input", "Look"):
        (folder / "train" / side / "001.png").unlink()


def rename_a_pair(folder: Path) -> None:
    for side in ("input", "Look"):
        image = folder / "train" / side / "001.png"
        image.rename(image.with_name("renamed.png"))


def change_a_target(folder: Path) -> None:
    with (folder / "train" / "Look" / "001.png").open("ab") as file:
        file.write(b"more")


def redraw_a_target(folder: Path) -> None:
    """Replace an image by other bytes of the same name and size."""
    image = folder / "train" / "Look" / "001.png"
    image.write_bytes(bytes(image.stat().st_size))


@pytest.mark.parametrize("change", [remove_a_pair, rename_a_pair, change_a_target, redraw_a_target])
def test_other_pairs_have_another_fingerprint(pairs: Path, change: Callable[[Path], None]) -> None:
    before = of_pairs(pairs)
    change(pairs)
    assert of_pairs(pairs) != before


def test_the_form_of_a_name_does_not_count(pairs: Path) -> None:
    for side in ("input", "Look"):
        image = pairs / "train" / side / "001.png"
        image.rename(image.with_name(f"{unicodedata.normalize('NFC', 'Café')}.png"))
    before = of_pairs(pairs)
    image = next((pairs / "train" / "Look").glob("Caf*"))
    image.rename(image.with_name(unicodedata.normalize("NFD", image.name)))
    assert of_pairs(pairs) == before


def test_looks_and_luts_count(tmp_path: Path, rng: np.random.Generator) -> None:
    looks = ["classic_neg", "velvia"]
    for name in ("first.cube", "second.cube"):
        write_lut(tmp_path / name, rng.random((3, 3, 3, 3)))
        looks.append(str(tmp_path / name))
    looks.append(shutil.copy(tmp_path / "first.cube", tmp_path / "copied.cube"))
    found = [data_fingerprint("pairs", "samples", look) for look in looks]
    assert len(set(found)) == 4
    assert found[-1] == found[2]
    assert data_fingerprint("images", "samples", "velvia") == data_fingerprint(
        "images", "samples", ""
    )


def test_shards_count_by_their_content(pairs: Path, tmp_path: Path) -> None:
    def prepared(name: str, size: int) -> Path:
        out = tmp_path / name
        settings = PrepareSettings(look="Look", size=size, resize="squash", check_alignment=False)
        prepare_shards(str(pairs), out, settings, 1, lambda done, total: None)
        return out

    first, again, larger = (prepared(*each) for each in (("a", 16), ("b", 16), ("c", 24)))
    assert of_pairs(first) == of_pairs(again)
    assert len({of_pairs(first), of_pairs(larger), of_pairs(pairs)}) == 3


def test_single_images_count_by_name_and_size(pairs: Path) -> None:
    folder = pairs / "train" / "Look"
    before = data_fingerprint("images", str(folder), "")
    assert before == data_fingerprint("images", str(folder), "")
    (folder / "002.png").unlink()
    assert data_fingerprint("images", str(folder), "") != before
    assert data_fingerprint("images", "shapes", "") != before
