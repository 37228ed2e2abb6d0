"""A colour table is fitted to the training pairs before the first step."""

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import runs
from PIL import Image

from cinegan_jax.data.pairs import open_pairs
from cinegan_jax.training.run import Run
from cinegan_jax.training.start import with_fitted_parameters
from cinegan_jax.training.train import run_training

TABLE = {
    **runs.TINY,
    "data.look": "Look",
    "generator.residual": True,
    "generator.colour_table": 9,
    "ema_decay": 0.9,
}


def _look(photo: np.ndarray) -> np.ndarray:
    """A curve on each channel, as a LUT can be."""
    return np.rint(255 * (photo / 255) ** np.array([0.5, 1.0, 2.0])).astype(np.uint8)


@pytest.fixture
def pairs_of_curves(tmp_path: Path, rng: np.random.Generator) -> Path:
    folder = runs.write_pairs(tmp_path / "pairs", rng, train=12)
    for path in folder.glob("*/input/*.png"):
        look = _look(np.asarray(Image.open(path)))
        Image.fromarray(look).save(path.parents[1] / "Look" / path.name)
    return folder


def _run(folder: Path, **settings: Any) -> Run:
    return Run(runs.config_of({**TABLE, "data.path": str(folder), **settings}))


def test_the_table_is_the_look_and_the_average_has_it_too(pairs_of_curves: Path) -> None:
    run = _run(pairs_of_curves)
    fresh = run.init_state()
    fitted = with_fitted_parameters(run.family, run.train_examples, 0, fresh)
    table, average = (t["generator"]["colour_table"] for t in (fitted.params, fitted.ema))
    nodes = np.linspace(0, 1, 9)
    for channel, power in enumerate((0.5, 1.0, 2.0)):
        inner = np.moveaxis(np.asarray(table)[..., channel], channel, 0)[1:-1, 1:-1, 1:-1]
        expected = np.broadcast_to((nodes**power)[1:-1, None, None], inner.shape)
        np.testing.assert_allclose(inner, expected, atol=0.03)
    np.testing.assert_array_equal(table, average)
    assert table.unsafe_buffer_pointer() != average.unsafe_buffer_pointer()
    del fitted.params["generator"]["colour_table"], fresh.params["generator"]["colour_table"]
    jax.tree.map(np.testing.assert_array_equal, fitted.params, fresh.params)


def test_without_a_table_no_pair_is_read(tmp_path: Path, rng: np.random.Generator) -> None:
    run = _run(tmp_path, **{"generator.colour_table": 0})
    fresh = run.init_state()
    state = with_fitted_parameters(run.family, None, 0, fresh)
    jax.tree.map(np.testing.assert_array_equal, state.params, fresh.params)


def test_a_run_that_learns_nothing_has_the_look_already(
    pairs_of_curves: Path, tmp_path: Path
) -> None:
    rates = {f"optimizers.{p}.learning_rate": 0.0 for p in ("generator", "discriminator")}
    run = _run(pairs_of_curves, num_steps=2, **rates)
    assert run_training(run, runs.absolute(tmp_path / "run")) == 0
    records = map(json.loads, (tmp_path / "run" / "metrics.jsonl").read_text().splitlines())
    (score,) = [r["heldout/psnr"] for r in records if "heldout/psnr" in r]
    test = open_pairs(str(pairs_of_curves), "test", "Look")
    images = [test[index] for index in range(len(test))]
    untouched = np.mean([np.square(p.input / 255 - p.target / 255).mean() for p in images])
    assert score > -10 * np.log10(untouched) + 8
