"""The dry run's figures, held against closed forms and the arrays of a real run."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest
import runs
from toy_family import ToyFamily

from cinegan_jax.families.api import Aux, Variables
from cinegan_jax.training.dry_run import dry_run, residual_bytes, step_flops
from cinegan_jax.training.run import Run
from cinegan_jax.types import Batch, Params, Scalar

CHANNELS, KERNEL = 64, 5


class OneConvolution(ToyFamily):
    """A family whose cost can be worked out by hand: both players are one 5x5 convolution."""

    def init(self, rng: jax.Array, batch: Batch, /) -> Variables:
        kernel = jax.random.normal(rng, (KERNEL, KERNEL, 3, CHANNELS))
        return Variables({"generator": {"k": kernel}, "critics": {"k": kernel}}, ())

    def objective(
        self, params: Mapping[str, Params], state: Any, frozen: Any, batch: Batch, rng: Any, /
    ) -> tuple[Mapping[str, Scalar], Aux]:
        photo = batch["input"].astype(jnp.float32)
        losses = {player: _cube(photo, params[player]["k"]) for player in params}
        return losses, Aux(state, {})


def _cube(photo: jax.Array, kernel: jax.Array) -> jax.Array:
    layout = ("NHWC", "HWIO", "NHWC")
    y = jax.lax.conv_general_dilated(photo, kernel, (1, 1), "VALID", dimension_numbers=layout)
    return jnp.mean(y * y * y)


def one_convolution(**settings: Any) -> tuple[Run, Any]:
    run = Run(runs.config_of({**runs.TOY, **settings}))
    run.family = OneConvolution()
    return run, jax.eval_shape(run.init_state)


@pytest.mark.parametrize("parts", [1, 2])
def test_flops_are_those_of_the_convolutions(parts: int) -> None:
    run, state = one_convolution(batch_size=32, accumulate_steps=parts)
    positions = 4 * (32 - KERNEL + 1) ** 2  # of 4 pairs a device
    forward = 2 * positions * CHANNELS * KERNEL**2 * 3
    # Each of two players: forward, and as much again for the gradient of the kernel.
    assert step_flops(run, state) == pytest.approx(2 * 2 * forward, rel=0.15)


@pytest.mark.parametrize("parts", [1, 2])
def test_kept_bytes_hold_each_activation_that_the_backward_pass_needs(parts: int) -> None:
    run, state = one_convolution(batch_size=32, accumulate_steps=parts)
    pairs = 4 // parts
    activation = 4 * pairs * (32 - KERNEL + 1) ** 2 * CHANNELS
    photo = 4 * pairs * 32**2 * 3
    needed = 2 * activation + photo
    assert needed <= residual_bytes(run, state) < 3 * needed


def test_it_names_sizes_and_data_and_writes_nothing(
    tmp_path: Path,
    trained: Path,
    cinegan_settings: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert dry_run(Run(runs.config_of(cinegan_settings)), tmp_path / "run") == 0
    assert list(tmp_path.iterdir()) == []
    said = capsys.readouterr().out
    figures = dict(re.findall(r"│ (.+?) +│ (.+?) +│", said))
    for player in ("generator", "critics"):
        assert figures[f"parameters, {player}"] == f"{saved_numbers(trained, player):,}"
    assert (figures["training pairs"], figures["held-out pairs"]) == ("40", "2")
    assert figures["steps"] == "4 (5 an epoch)"
    assert figures["devices"] == "8 x cpu"
    assert float(figures["FLOP a step and device"]) > 1e6
    assert "total_variation: 0.0" in said


def saved_numbers(workdir: Path, player: str) -> int:
    saved = runs.checkpoint(workdir, 4)
    arrays = [array for name, array in saved.items() if name.startswith(f"['params']['{player}']")]
    return sum(math.prod(shape) for _, shape, _ in arrays)
