"""Every combination of a generator's fields, exported and compared with the JAX network."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from export_files import run_onnx, run_stablehlo

from cinegan_jax.core.errors import UserError
from cinegan_jax.inference import export_onnx
from cinegan_jax.inference.export import export_look
from cinegan_jax.inference.formats import ExportFormat
from cinegan_jax.inference.look import Look
from cinegan_jax.inference.look_file import architecture
from cinegan_jax.nets.norms import NORMS
from cinegan_jax.nets.res_unet import ResUnetGenerator

pytestmark = pytest.mark.agreement

Fields = dict[str, Any]
RUN: dict[ExportFormat, Callable[[bytes, np.ndarray], np.ndarray]] = {
    "onnx": run_onnx,
    "stablehlo": run_stablehlo,
}


def combinations() -> Iterator[Fields]:
    """Every combination of paths, table and norm, and some of other widths and depths."""
    bases = ((False, 0), (True, 0), (True, 5))
    paths = ((0, 0), (6, 0), (6, 3))
    for (residual, table), (colour, glow), norm in itertools.product(bases, paths, NORMS):
        yield {
            "width": 4,
            "num_blocks": 1,
            "residual": residual,
            "colour_table": table,
            "colour_path": colour,
            "glow_path": glow,
            "norm": norm,
        }
    for norm in NORMS:
        yield {"width": 1, "num_blocks": 0, "norm": norm}
        yield {"width": 5, "num_blocks": 3, "norm": norm, "residual": True, "colour_table": 2}


def name_of(fields: Fields) -> str:
    return " ".join(f"{name}={value}" for name, value in fields.items() if value)


@pytest.mark.parametrize("fields", list(combinations()), ids=name_of)
def test_an_exported_look_gives_the_generators_images(
    random_look: Callable[..., Look],
    unit_images: Callable[..., tuple[np.ndarray, np.ndarray]],
    tmp_path: Path,
    fields: Fields,
) -> None:
    look = random_look(ResUnetGenerator(**fields))
    photos, expected = unit_images(look, 2, 24, 16, 3)
    assert expected.std() > 0.02
    for form, run in RUN.items():
        export_look(look, tmp_path / form, form, "float32")
        found = run((tmp_path / form).read_bytes(), photos)
        np.testing.assert_allclose(found, expected, atol=1e-4, err_msg=form)


def test_onnx_export_writes_every_field_of_the_generator() -> None:
    assert set(export_onnx._WRITTEN_FIELDS) == set(architecture(ResUnetGenerator()))


def test_a_field_that_onnx_export_does_not_know_is_refused_by_name(
    random_look: Callable[..., Look], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_onnx, "_WRITTEN_FIELDS", ("width", "num_blocks"))
    with pytest.raises(UserError, match=r"noise cannot be written as ONNX: .* has residual=False"):
        export_look(random_look(ResUnetGenerator(4, 1)), tmp_path / "new" / "look", "onnx")
    assert not list(tmp_path.iterdir())


REFUSED: dict[str, tuple[Fields, str]] = {
    "dtype": ({"dtype": jnp.bfloat16}, "its generator has dtype=bfloat16"),
    "norm": ({"norm": "batch"}, "norm='batch' of a generator must be one of instance, layer"),
    "colour_table": ({"colour_table": 5}, "a generator with a colour_table needs residual"),
    "one node": ({"colour_table": 1, "residual": True}, "colour_table=1 of a generator must be"),
    "glow_path": ({"glow_path": 2}, "a generator with a glow_path needs a colour_path"),
    "width": ({"width": 5}, "e1/conv"),
    "num_blocks": ({"num_blocks": 2}, "block2"),
    "colour_path": ({"colour_path": 2}, "colour1"),
}


@pytest.mark.parametrize("form", ["safetensors", "onnx", "stablehlo"])
@pytest.mark.parametrize("field", REFUSED)
def test_a_network_that_cannot_be_exported_is_refused_before_anything_is_written(
    random_look: Callable[..., Look], tmp_path: Path, form: Any, field: str
) -> None:
    """Kernels belong to a generator of width 4 with one block and none of the optional paths."""
    fields, message = REFUSED[field]
    look = random_look(ResUnetGenerator(4, 1))
    other = dataclasses.replace(
        look, generator=ResUnetGenerator(**{"width": 4, "num_blocks": 1} | fields)
    )
    with pytest.raises(UserError, match="the look noise cannot be exported") as error:
        export_look(other, tmp_path / "new" / "look", form)
    assert message in str(error.value)
    assert not list(tmp_path.iterdir())
