"""The networks that a run starts from: another run's checkpoints, and looks."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import runs
from etils import epath
from flax.traverse_util import flatten_dict, unflatten_dict

from cinegan_jax.core.errors import UserError
from cinegan_jax.families.cinegan import CineGan
from cinegan_jax.inference.look import Look, load_look
from cinegan_jax.inference.run_networks import WorkdirNetworks, look_of
from cinegan_jax.training.fine_tuning import with_networks_from
from cinegan_jax.training.run import Run
from cinegan_jax.training.state import TrainState, networks_of


def start_from(settings: dict[str, Any], source: str | Path, step: str = "newest") -> TrainState:
    run = Run(runs.config_of({**settings, "seed": 1}))
    fresh = run.init_state()
    return with_networks_from(str(source), step, epath.Path("new"), run.family, fresh)


def generator_of(state: TrainState) -> list[np.ndarray]:
    return [np.asarray(leaf) for leaf in jax.tree.leaves(state.params["generator"])]


def saved_generator(workdir: Path, step: int) -> list[bytes]:
    saved = runs.checkpoint(workdir, step)
    return [array[2] for name, array in saved.items() if name.startswith("['params']['generator']")]


def with_unit_norms(look: Look) -> Look:
    """Divide the kernels by their spectral norms: 4 steps do not converge to them."""
    flat = flatten_dict(dict(look.kernels), sep="/")
    for layer in look.generator.spectral_layers:
        kernel = np.asarray(flat[f"{layer}/kernel"])
        flat[f"{layer}/kernel"] = kernel / np.linalg.norm(kernel.reshape(-1, kernel.shape[-1]), 2)
    return dataclasses.replace(look, kernels=unflatten_dict(flat, sep="/"))


def test_a_step_is_chosen_by_number_by_folder_or_as_the_best(
    trained: Path, cinegan_settings: dict[str, Any]
) -> None:
    """Steps 2 and 4 are saved; only step 4 has scores, so it is the best."""
    older, newer = saved_generator(trained, 2), saved_generator(trained, 4)
    assert older != newer
    folder = trained / "checkpoints" / "2"
    for source, step, wanted in (
        (trained, "2", older),
        (folder, "newest", older),
        (trained, "newest", newer),
        (trained, "best", newer),
    ):
        state = start_from(cinegan_settings, source, step)
        assert [array.tobytes() for array in generator_of(state)] == wanted, (source, step)


def test_a_look_starts_the_generator_that_computes_it(
    trained: Path,
    cinegan_settings: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A look, and the look of a run that starts from it, change images alike."""
    look = with_unit_norms(load_look(trained))
    path = look.export(tmp_path / "mine.safetensors", precision="float32")
    state = start_from(cinegan_settings, path)
    assert "discriminator: not in a look, starts fresh" in capsys.readouterr().out
    fresh = Run(runs.config_of({**cinegan_settings, "seed": 1})).init_state()
    for player in ("params", "model_state"):
        kept, new = (getattr(each, player)["discriminator"] for each in (state, fresh))
        assert all(jax.tree.leaves(jax.tree.map(np.array_equal, kept, new)))
    family = Run(runs.config_of(cinegan_settings)).family
    assert isinstance(family, CineGan)
    networks = WorkdirNetworks(networks_of(state).params, state.model_state, step=0)
    again = look_of(family, networks, "again")
    images = np.random.default_rng(0).random((1, 32, 40, 3), np.float32)
    apply, kernels = look.network()
    np.testing.assert_allclose(
        again.network()[0](again.kernels, images), apply(kernels, images), atol=2e-5
    )
    for average, parameter in zip(
        jax.tree.leaves(state.ema["generator"]), generator_of(state), strict=True
    ):
        np.testing.assert_array_equal(average, parameter)


@pytest.mark.parametrize(
    ("source", "step", "message"),
    [
        ("velvia", "newest", r"generator.width=4, in the look 8.*Set these keys"),
        ("portra_400", "newest", "the look portra_400 is a LUT, which has no network"),
        ("velvia", "3", "restore_step='3' chooses among the checkpoints of a workdir"),
        ("RUN/checkpoints/2", "4", "one checkpoint: leave restore_step out"),
        ("RUN", "last", "must be 'newest', 'best' or the number of a step"),
        ("RUN", "3", "no checkpoint of step 3; it has those of 2, 4"),
        ("RUN/mine.safetensors", "newest", "no look file"),
    ],
)
def test_a_wrong_source_or_step_is_named(
    source: str, step: str, message: str, trained: Path, cinegan_settings: dict[str, Any]
) -> None:
    with pytest.raises(UserError, match=message):
        start_from(cinegan_settings, source.replace("RUN", str(trained)), step)


def test_a_look_starts_no_other_family() -> None:
    with pytest.raises(UserError, match="the family 'cinegan', which this run is not"):
        start_from(dict(runs.TOY_LATENT), "velvia")
