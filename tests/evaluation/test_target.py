import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import runs
from PIL import Image

from cinegan_jax.core.errors import UserError
from cinegan_jax.data.examples import BrokenExample
from cinegan_jax.data.pairs import Pair
from cinegan_jax.evaluation.evaluate import Target, open_target
from cinegan_jax.evaluation.methods import PairMethod, results_method
from cinegan_jax.evaluation.scope import as_stored, make_protocols
from cinegan_jax.inference.look import Look, apply_generator, choose_look, load_look
from cinegan_jax.inference.look_file import write_look
from cinegan_jax.ops.images import to_signed, to_uint8


@pytest.fixture
def photo(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (64, 128, 3), np.uint8)


def _made(target: Target, photo: np.ndarray) -> np.ndarray:
    return target.method(Pair("one", photo, photo), as_stored)


def _by_look(look: Look, photo: np.ndarray) -> np.ndarray:
    images = apply_generator(look.generator, look.kernels, to_signed(photo[None]))
    return np.asarray(to_uint8(images)[0], int)


def test_a_workdir_says_its_data_and_makes_the_images_of_its_look(
    trained: Path, cinegan_settings: dict[str, Any], photo: np.ndarray
) -> None:
    target = open_target(str(trained), None, None)
    assert (target.about.data, target.about.look) == (cinegan_settings["data.path"], "Look")
    assert target.about.step == cinegan_settings["num_steps"]
    expected = _by_look(choose_look(weights=str(trained)), photo)
    assert np.abs(_made(target, photo) - expected).max() <= 1
    assert np.abs(expected - photo).max() > 20
    assert len(target.test_pairs) == 2
    assert target.test_pairs.names == ["000", "001"]


def test_other_data_may_be_given_for_a_workdir(trained: Path) -> None:
    target = open_target(str(trained), "samples", "cinema")
    assert (target.about.data, target.about.look) == ("samples", "cinema")
    assert len(target.test_pairs) > 2


def test_a_look_by_name_is_scored_on_its_own_look(photo: np.ndarray) -> None:
    target = open_target("cinema", "samples", None)
    assert target.about.look == "cinema"
    assert np.abs(_made(target, photo) - _by_look(load_look("cinema"), photo)).max() <= 1


def test_a_look_file(tmp_path: Path, photo: np.ndarray) -> None:
    look = load_look("cinema")
    write_look(look, tmp_path / "mine.safetensors")
    target = open_target(str(tmp_path / "mine.safetensors"), "samples", "cinema")
    assert np.abs(_made(target, photo) - _by_look(look, photo)).max() <= 1


def test_a_target_without_known_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cinema does not say .* give --data$"):
        open_target("cinema", None, None)
    Image.new("RGB", (20, 20)).save(tmp_path / "one.png")
    with pytest.raises(UserError, match="give --data and --look"):
        open_target(str(tmp_path), None, None)


def test_an_unknown_target_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere is no folder, .*classic_neg"):
        open_target(str(tmp_path / "nowhere"), None, None)
    with pytest.raises(UserError, match=r"no run \(no config\.json\) and no images"):
        open_target(str(tmp_path), "samples", "cinema")


def test_a_run_without_a_checkpoint_is_refused(trained: Path, tmp_path: Path) -> None:
    shutil.copy(trained / "config.json", tmp_path)
    with pytest.raises(UserError, match="no checkpoint"):
        open_target(str(tmp_path), None, None)


class TestFolder:
    @pytest.fixture
    def pair(self, rng: np.random.Generator) -> Pair:
        return Pair("one", *rng.integers(0, 256, (2, 24, 40, 3), np.uint8))

    def _write(self, folder: Path, image: np.ndarray) -> PairMethod:
        Image.fromarray(image).save(folder / "one.png")
        return results_method(folder)

    def _squashed(self, pair: Pair, method: PairMethod, size: int = 16) -> np.ndarray:
        prepare = make_protocols(size)["filmnet"]
        return method(Pair("one", prepare(pair.input), prepare(pair.target)), prepare)

    def test_a_result_is_found_by_its_name_and_prepared_as_the_photo(
        self, pair: Pair, tmp_path: Path
    ) -> None:
        method = self._write(tmp_path, pair.target)
        assert np.array_equal(method(pair, as_stored), pair.target)
        expected = make_protocols(16)["filmnet"](pair.target)
        assert np.array_equal(self._squashed(pair, method), expected)

    def test_a_squashed_result_serves_the_squashed_protocol_alone(
        self, pair: Pair, tmp_path: Path, rng: np.random.Generator
    ) -> None:
        image = rng.integers(0, 256, (16, 16, 3), np.uint8)
        method = self._write(tmp_path, image)
        assert np.array_equal(self._squashed(pair, method), image)
        with pytest.raises(BrokenExample, match=r"result is 16x16, the photo 40x24; .*filmnet"):
            method(pair, as_stored)

    def test_a_result_that_is_missing_or_broken_is_named(self, pair: Pair, tmp_path: Path) -> None:
        method = self._write(tmp_path, pair.target)
        with pytest.raises(BrokenExample, match="two: there is no result of that name"):
            method(pair._replace(name="two"), as_stored)
        (tmp_path / "one.png").write_bytes(b"torn")
        with pytest.raises(BrokenExample, match=r"one\.png"):
            method(pair, as_stored)


@pytest.mark.parametrize("ema_decay", [0.0, 0.5])
def test_the_average_makes_the_images_where_one_is_kept(
    ema_decay: float, tmp_path: Path, small_pairs: dict[str, Any], photo: np.ndarray
) -> None:
    runs.run_to_end(tmp_path / "run", {**runs.TOY, **small_pairs, "ema_decay": ema_decay})
    saved = runs.checkpoint(tmp_path / "run", 4)
    part = "['ema']" if ema_decay else "['params']"
    matrix, bias = (
        np.frombuffer(saved[f"{part}['generator']['{name}']"][2], np.float32)
        for name in ("matrix", "bias")
    )
    signed = np.tanh((photo / 127.5 - 1) @ matrix.reshape(3, 3) + bias)
    image = _made(open_target(str(tmp_path / "run"), None, None), photo)
    assert np.abs(image - (signed + 1) * 127.5).max() <= 0.51
