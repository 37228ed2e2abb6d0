"""Trained runs, loaded and compared with what they saved."""

import json
import shutil
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import runs
from latent_runs import saved_state, write_run

import cinegan_jax as cinegan
from cinegan_jax.core.errors import UserError
from cinegan_jax.ops.images import to_uint8
from cinegan_jax.sampling.latent_generator import open_generator


def test_a_run_has_its_config_networks_and_records(trained: Path) -> None:
    run = cinegan.load_run(trained)
    assert run.step == 4
    written = json.loads((trained / "config.json").read_text())
    found = json.loads(json.dumps(run.config.to_dict()))
    assert found == {name: value for name, value in written.items() if name != "config_version"}
    assert run.config.generator.width == 4
    assert run.metrics == [
        json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()
    ]
    saved = runs.checkpoint(trained, 4)
    for part, tree in (("params", run.params), ("ema", run.ema)):
        leaves = jax.tree_util.tree_leaves_with_path({part: dict(tree)})
        assert leaves
        for path, array in leaves:
            assert np.asarray(array).tobytes() == saved[jax.tree_util.keystr(path)][2]
    assert set(run.params) == {"generator", "discriminator"}
    assert set(run.ema) == {"generator"}


def test_it_generates_what_its_family_generates(trained: Path, rng: np.random.Generator) -> None:
    run = cinegan.load_run(str(trained), step="newest")
    photos = rng.integers(0, 256, (2, 64, 64, 3), np.uint8)
    made = run.generate(photos)
    params = {**run.params, **run.ema}
    batch = {"input": photos}
    state, key = run.saved.state, jax.random.key(0)
    expected = to_uint8(jax.jit(run.family.generate)(params, state, batch, key))
    assert np.abs(made.astype(int) - expected).max() <= 1
    odd = photos[0, :33, :47]
    assert run.generate(odd).shape == odd.shape


def test_its_look_is_that_of_the_workdir(trained: Path, rng: np.random.Generator) -> None:
    photo = rng.integers(0, 256, (32, 32, 3), np.uint8)
    look = cinegan.load_run(trained).look()
    assert look.name == trained.name
    np.testing.assert_array_equal(look(photo), cinegan.load_look(trained)(photo))


def test_a_run_that_changes_photos_does_not_sample(trained: Path) -> None:
    run = cinegan.load_run(trained)
    with pytest.raises(UserError, match=r"family 'cinegan', which changes .* use generate"):
        run.sample(4)
    with pytest.raises(UserError, match=r"takes uint8 .*, not float64 \[4, 4, 3\]"):
        run.generate(np.zeros((4, 4, 3)))


@pytest.fixture(scope="module")
def latent_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("api") / "latents")


@pytest.mark.parametrize(("step", "number"), [("newest", 6), ("best", 4), (2, 2)])
def test_each_checkpoint_can_be_had(latent_run: Path, step: Any, number: int) -> None:
    run = cinegan.load_run(latent_run, step=step)
    assert run.step == number
    wanted = saved_state(number)
    for found, expected in zip(
        jax.tree.leaves((run.params, run.ema)),
        jax.tree.leaves((wanted["params"], wanted["ema"])),
        strict=True,
    ):
        np.testing.assert_array_equal(found, expected)


def test_it_samples_what_the_command_samples(latent_run: Path) -> None:
    run = cinegan.load_run(latent_run)
    images = run.sample(5, seed=3)
    generator = open_generator(latent_run, seed=3)
    numbers = np.arange(5)
    np.testing.assert_array_equal(images, generator.decode(generator.latents(numbers)))
    np.testing.assert_array_equal(run.sample(2, seed=3), images[:2])
    assert (run.sample(5, seed=4) != images).any()


def test_a_latent_family_does_not_generate_from_photos(latent_run: Path) -> None:
    run = cinegan.load_run(latent_run)
    with pytest.raises(UserError, match=r"generates from latents: use sample"):
        run.generate(np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(UserError, match="family 'toy_latent', not 'cinegan'"):
        run.look()
    with pytest.raises(UserError, match="count=0 must be 1 or more"):
        run.sample(0)


def test_records_of_older_versions_have_present_names(latent_run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "old"
    shutil.copytree(latent_run, copy)
    (copy / "metrics.jsonl").write_text('{"step": 2, "loss_critics": 0.5}\n{"step": 4, "los')
    assert cinegan.load_run(copy).metrics == [{"step": 2, "loss_discriminator": 0.5}]


def test_a_folder_without_a_run_and_an_unsaved_step_are_refused(
    tmp_path: Path, latent_run: Path
) -> None:
    with pytest.raises(UserError, match=r"no config\.json"):
        cinegan.load_run(tmp_path)
    with pytest.raises(UserError, match="no checkpoint of step 3"):
        cinegan.load_run(latent_run, step=3)
