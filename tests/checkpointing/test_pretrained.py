"""Networks taken from another run's checkpoints."""

import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cinegan_jax.checkpointing.checkpoints import Checkpoints
from cinegan_jax.checkpointing.pretrained import Which, restore_networks
from cinegan_jax.core.errors import UserError


def state(step: int) -> dict:
    kernel = jnp.full((3, 3), step, jnp.float32)
    return {
        "step": jnp.int32(step),
        "params": {"generator": {"kernel": kernel}, "discriminator": [kernel, kernel + 1]},
        "params_old": {"kernel": kernel},
        "optimizers": {"generator": {"mu": kernel}},
        "ema": {},
    }


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Steps 1 to 3 of which 2 has the best score."""
    with Checkpoints(tmp_path, keep_newest=2, best_metric="psnr") as checkpoints:
        for step, psnr in ((1, 20.0), (2, 30.0), (3, 25.0), (4, 26.0)):
            checkpoints.save(step, state(step), None, {}, {"psnr": psnr})
    return tmp_path


def shapes(tree: object) -> object:
    return jax.eval_shape(lambda: tree)


@pytest.mark.parametrize(("which", "step"), [("newest", 4), ("best", 2), (3, 3)])
def test_takes_only_the_parts_asked_for(run: Path, which: Which, step: int) -> None:
    wanted = shapes({"params": state(0)["params"]})
    found = restore_networks(run, wanted, which=which)
    assert jax.tree.structure(found) == jax.tree.structure(wanted)
    jax.tree.map(np.testing.assert_array_equal, found["params"], state(step)["params"])


def test_leaves_out_an_optional_part_that_was_not_saved(run: Path) -> None:
    templates = {"params_old": state(0)["params_old"], "ema": {"kernel": jnp.zeros(3)}}
    assert set(restore_networks(run, templates, optional=("ema",))) == {"params_old"}
    with pytest.raises(
        UserError, match=r"has no ema; it has optimizers, params, params_old, step\."
    ):
        restore_networks(run, templates)


def test_names_the_arrays_that_differ(run: Path) -> None:
    templates = {"params": {"generator": {"kernel": jnp.zeros((3, 4))}}}
    with pytest.raises(UserError) as raised:
        restore_networks(run, templates)
    assert "params/generator/kernel: saved float32[3, 3], wanted float32[3, 4]" in str(raised.value)
    assert "params/discriminator/0: saved float32[3, 3], wanted nothing" in str(raised.value)
    assert "params_old" not in str(raised.value)


def test_passes_over_a_damaged_step_without_touching_it(
    run: Path, caplog: pytest.LogCaptureFixture
) -> None:
    newest = run / "checkpoints" / "4"
    os.truncate(newest / "state" / "manifest.ocdbt", 10)
    found = restore_networks(run, {"params": state(0)["params"]})
    assert found["params"]["generator"]["kernel"][0, 0] == 3
    assert str(newest) in caplog.text
    assert newest.is_dir()


def test_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no run in .*/nowhere: no such folder"):
        restore_networks(tmp_path / "nowhere", {})
    with pytest.raises(UserError, match="has no checkpoint in"):
        restore_networks(tmp_path, {})
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, state(1), None, {})
    with pytest.raises(UserError, match=r"no checkpoint of step 7; it has those of 1\."):
        restore_networks(tmp_path, {"params": state(0)["params"]}, which=7)
    with pytest.raises(UserError, match="measured no best checkpoint"):
        restore_networks(tmp_path, {"params": state(0)["params"]}, which="best")
