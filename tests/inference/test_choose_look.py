import json
from pathlib import Path

import jax
import numpy as np
import pytest
import runs

from cinegan_jax.core.errors import UserError
from cinegan_jax.families.registry import build_family
from cinegan_jax.inference.look import Look, apply_generator, choose_look, load_look
from cinegan_jax.inference.look_file import write_look
from cinegan_jax.inference.run_networks import read_config, read_networks
from cinegan_jax.ops.images import to_signed, to_uint8


def test_by_name_or_by_file(tmp_path: Path) -> None:
    look = choose_look("classic_neg")
    assert look.name == "classic_neg"
    write_look(look, tmp_path / "copy.safetensors", dtype=np.float32)
    copy = choose_look("velvia", str(tmp_path / "copy.safetensors"))
    np.testing.assert_array_equal(copy.kernels["e1"]["conv"]["kernel"], _first_kernel(look))


def _first_kernel(look: Look) -> np.ndarray:
    return load_look(look.name).kernels["e1"]["conv"]["kernel"]


def test_by_workdir_it_is_the_average_with_sigma_folded_in(
    trained: Path, rng: np.random.Generator
) -> None:
    """The look gives the images that the family generates from the run's networks."""
    look = choose_look(weights=str(trained))
    config = read_config(trained)
    family = build_family(config)
    params, state, step = read_networks(trained, family, config.data.size)
    assert step == config.num_steps
    photo = rng.integers(0, 256, (64, 64, 3), np.uint8)
    made = to_uint8(apply_generator(look.generator, look.kernels, to_signed(photo[None])))
    key = jax.random.key(0)
    expected = to_uint8(jax.jit(family.generate)(params, state, {"input": photo[None]}, key))
    assert np.abs(np.asarray(made, int) - expected).max() <= 1
    assert np.abs(np.asarray(expected[0], int) - photo).max() > 20


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is no workdir of a run: it has no config\.json"):
        choose_look(weights=str(tmp_path))


def test_a_run_of_another_family(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(runs.config_of(runs.TOY).to_dict()))
    with pytest.raises(UserError, match="holds a run of family 'toy'"):
        choose_look(weights=str(tmp_path))
