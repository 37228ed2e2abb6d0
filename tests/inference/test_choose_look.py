import json

import numpy as np
import pytest
import runs

from cinegan_jax.errors import UserError
from cinegan_jax.inference.choose_look import choose_look
from cinegan_jax.inference.trained_look import apply_generator, load_look, write_look
from cinegan_jax.ops.images import to_signed, to_uint8
from cinegan_jax.training.evaluate import trained_generate
from cinegan_jax.training.run import Run


def test_by_name_or_by_file(tmp_path):
    look = choose_look("classic_neg")
    assert look.name == "classic_neg"
    write_look(look, tmp_path / "copy.safetensors", dtype=np.float32)
    copy = choose_look("velvia", str(tmp_path / "copy.safetensors"))
    np.testing.assert_array_equal(copy.kernels["e1"]["conv"]["kernel"], _first_kernel(look))


def _first_kernel(look):
    return load_look(look.name).kernels["e1"]["conv"]["kernel"]


def test_by_workdir_it_is_what_evaluation_uses(trained, cinegan_settings, rng):
    """The average of the generator, with sigma folded in."""
    look = choose_look(weights=str(trained))
    photo = rng.integers(0, 256, (64, 64, 3), np.uint8)
    made = to_uint8(apply_generator(look.generator, look.kernels, to_signed(photo[None])))
    expected = trained_generate(Run(runs.config_of(cinegan_settings)), trained)(photo)
    assert np.abs(np.asarray(made[0], int) - expected).max() <= 1
    assert np.abs(expected - photo.astype(int)).max() > 20


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(UserError, match=r"is no workdir of a run: it has no config\.json"):
        choose_look(weights=str(tmp_path))


def test_a_run_of_another_family(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(runs.config_of(runs.TOY).to_dict()))
    with pytest.raises(UserError, match="holds a run of family 'toy'"):
        choose_look(weights=str(tmp_path))
