"""Whole sets of generated images, scored from a workdir."""

import base64
import io
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import runs
from latent_runs import saved_state, write_run
from PIL import Image
from toy_latent_family import ToyLatentFamily
from typer.testing import CliRunner

from cinegan_jax.cli import app
from cinegan_jax.core.errors import UserError
from cinegan_jax.data import shapes
from cinegan_jax.evaluation.compare import read_contenders
from cinegan_jax.evaluation.evaluate import evaluate, open_target
from cinegan_jax.evaluation.result import Evaluation, load
from cinegan_jax.evaluation.sample_target import SampleTarget, samples_page, score_sample_sets
from cinegan_jax.evaluation.scope import Scope
from cinegan_jax.metrics.devices import OnDevices
from cinegan_jax.metrics.set_distances import (
    RandomSet,
    random_features_on_devices,
    random_set_scores,
)
from cinegan_jax.ops.images import to_uint8

COUNT = 40


@pytest.fixture(scope="module")
def workdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("latents") / "run")


@pytest.fixture(scope="module")
def target(workdir: Path) -> SampleTarget:
    opened = open_target(str(workdir), scope=Scope(limit=COUNT))
    assert isinstance(opened, SampleTarget)
    return opened


@pytest.fixture(scope="module")
def found(target: SampleTarget) -> Evaluation:
    return target.score()


def test_the_newest_averages_are_scored_beside_training_images(
    target: SampleTarget, found: Evaluation
) -> None:
    saved = saved_state(6)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(0), jnp.arange(COUNT))
    family = ToyLatentFamily()
    made = to_uint8(family.decode(saved["ema"], saved["model_state"], family.latents(keys)))
    features = random_features_on_devices()
    sets = {"training": target.sets["training"], "generator": np.asarray(made)}
    for score in found.sets:
        expected = random_set_scores(
            RandomSet(features(sets[score.method])), RandomSet(features(target.held_out))
        )
        got = {name: score.scores[name] for name in expected}
        assert got == pytest.approx(expected, rel=1e-3, abs=1e-6)
        assert score.photos == COUNT
    training, generator = found.sets
    assert (training.method, generator.method) == ("training", "generator")
    assert (training.scores["high_quality"], generator.scores["high_quality"]) == (1, 0)
    assert training.scores["modes_covered"] > 15
    assert training.scores["feature_distance"] < generator.scores["feature_distance"] / 10
    assert found.about.step == 6


def test_training_images_are_none_of_the_held_out(target: SampleTarget) -> None:
    held_out = {image.tobytes() for image in target.held_out}
    assert len(held_out) == COUNT
    assert not held_out & {image.tobytes() for image in target.sets["training"]}


def test_a_given_network_scores_fid_and_kid(target: SampleTarget) -> None:
    """Means of colours stand for Inception's features, and enlarging hardly changes them."""
    network = OnDevices(lambda _, images: jnp.mean(images, axis=(1, 2)), per_device=1)
    scores = {score.method: score.scores for score in score_sample_sets(target, network).sets}
    colours = {
        name: images.mean((1, 2)) / 255
        for name, images in {"held_out": target.held_out, **target.sets}.items()
    }
    gap = colours["generator"].mean(0) - colours["held_out"].mean(0)
    assert scores["generator"]["fid"] == pytest.approx(gap @ gap, rel=0.05)
    assert "patch_fid" not in scores["generator"]
    assert abs(scores["training"]["kid"]) < scores["generator"]["kid"] / 10


def test_the_page_shows_generated_and_held_out_images(
    target: SampleTarget, found: Evaluation
) -> None:
    page = samples_page(found, target)
    shown = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    sizes = [Image.open(io.BytesIO(base64.b64decode(jpeg))).size for jpeg in shown]
    assert sizes == [(8 * (32 + 8) + 8, 5 * (32 + 8) + 8)] * 2
    for text in ("training images", "feature distance", "Whole sets, 32x32", "Generated"):
        assert text in page


def test_the_command_writes_what_it_finds(
    workdir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    options = ["evaluate", str(workdir), "--output", str(tmp_path / "out"), "--limit=8"]
    said = CliRunner().invoke(app, options)
    assert said.exit_code == 0, said.output
    result = load(tmp_path / "out" / "evaluation.json")
    assert [score.photos for score in result.sets] == [8, 8]
    written = (tmp_path / "out" / "evaluation.md").read_text()
    assert "| 32x32, held-out images | training images |" in written
    assert "oracle" not in written
    assert "generator (32x32, held-out images): feature distance" in said.stdout
    with pytest.raises(UserError, match="nothing can be compared photo by photo"):
        read_contenders([str(tmp_path / "out")])


def test_options_of_pairs_are_refused(workdir: Path, tmp_path: Path) -> None:
    options = ["--protocol=native", "--without=random_features", f"--output={tmp_path}"]
    said = CliRunner().invoke(app, ["evaluate", str(workdir), *options])
    assert said.exit_code == 2
    assert "leave out --protocol, --without, which apply to image pairs only" in said.stderr


def test_the_python_function_writes_what_it_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shapes, "COUNTS", {"train": 50, "test": 16})
    workdir = write_run(tmp_path / "run")
    scores = evaluate(workdir, config=runs.config_of(runs.TOY_LATENT)).sets
    assert load(workdir / "evaluation.json").sets == scores
    assert {(score.method, score.photos) for score in scores} == {
        ("training", 16),
        ("generator", 16),
    }
    assert "Generated" in (workdir / "evaluation.html").read_text()
