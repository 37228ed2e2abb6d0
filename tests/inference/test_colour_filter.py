"""Colour filters of black-and-white looks, and the looks' greys."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from export_files import run_onnx, run_stablehlo
from skimage import data
from typer.testing import CliRunner

import cinegan_jax as cinegan
from cinegan_jax.cli import app
from cinegan_jax.core.errors import UserError
from cinegan_jax.film.lut import Lut
from cinegan_jax.film.lut_files import write_lut
from cinegan_jax.inference.colour_filter import FILTERS
from cinegan_jax.inference.develop import METHODS, Settings, develop
from cinegan_jax.inference.look import LutLook, NetworkLook
from cinegan_jax.nets.res_unet import ResUnetGenerator
from cinegan_jax.ops.lut import identity_lut

SKY, LEAF, BRICK = (110, 160, 220), (70, 120, 50), (170, 70, 50)


@pytest.fixture
def plain() -> LutLook:
    """Return a look that makes greys of the mean of the channels, and keeps greys."""
    grey = identity_lut(17).mean(axis=-1, keepdims=True)
    return LutLook("plain", Lut.from_table(np.repeat(grey, 3, axis=-1)))


@pytest.fixture
def network(random_params: Callable[..., Any]) -> NetworkLook:
    generator = ResUnetGenerator(2, 0, residual=True, colour_table=3, monochrome=True)
    image = jax.ShapeDtypeStruct((1, 16, 16, 3), np.float32)
    return NetworkLook("grey", generator, random_params(generator, image))


def flat(colour: tuple[int, int, int]) -> np.ndarray:
    return np.full((4, 4, 3), colour, np.uint16) * np.uint16(257)


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_keeps_greys_and_is_the_weighted_light(plain: LutLook, name: str) -> None:
    settings = Settings(colour_filter=name)
    for level in (0, 51, 119, 255):
        photo = flat((level, level, level))
        np.testing.assert_allclose(develop(photo, plain, settings), photo, atol=2)
    photo = flat(SKY).astype(np.float64) / 65535
    linear = np.where(photo <= 0.04045, photo / 12.92, ((photo + 0.055) / 1.055) ** 2.4)
    light = linear @ np.array(FILTERS[name])
    expected = (1.055 * light ** (1 / 2.4) - 0.055) * 65535
    found = develop(flat(SKY), plain, settings)
    np.testing.assert_allclose(found[..., 0], expected, atol=8)
    assert (found == found[..., :1]).all()
    assert sum(FILTERS[name]) == pytest.approx(1)


def test_filters_darken_the_opposite_colours(plain: LutLook) -> None:
    """Yellow, orange and red darken a blue sky, each more; green lightens leaves, blue a sky."""

    def level(colour: tuple[int, int, int], name: str | None) -> int:
        return int(develop(flat(colour), plain, Settings(colour_filter=name))[0, 0, 0])

    skies = [level(SKY, name) for name in (None, "yellow", "orange", "red")]
    assert skies == sorted(skies, reverse=True)
    assert skies[3] < 0.8 * skies[0]
    assert level(LEAF, "green") > level(LEAF, None) > level(LEAF, "red")
    assert level(BRICK, "red") > level(BRICK, None) > level(BRICK, "blue")
    assert level(SKY, "blue") > level(SKY, None)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("colour_filter", [None, "orange"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_a_monochrome_network_leaves_greys(
    network: NetworkLook, method: str, colour_filter: str | None, kind: Any
) -> None:
    photo = data.astronaut()[:96, :120]
    white = {np.uint8: 1, np.uint16: 257, np.float32: 1 / 255}[kind]
    photo = (photo * np.float64(white)).astype(kind)
    for strength, grain in ((1.0, 0.0), (1.0, 2.0), (1.5, 1.0)):
        settings = Settings(method, strength, grain, colour_filter=colour_filter)
        found = develop(photo, network, settings)
        assert (found == found[..., :1]).all()
        assert found.std() > 0


def test_a_monochrome_network_is_grey_in_every_export(network: NetworkLook, tmp_path: Path) -> None:
    photos = (data.astronaut()[None, :64, :64] / 255).astype(np.float32)
    apply, params = network.network()
    expected = np.clip(np.asarray(apply(params, photos)), 0, 1)
    assert (expected == expected[..., :1]).all()
    for form, run in (("onnx", run_onnx), ("stablehlo", run_stablehlo)):
        file = network.export(tmp_path / f"grey.{form}", precision="float32")
        found = run(file.read_bytes(), photos)
        assert (found == found[..., :1]).all()
        np.testing.assert_allclose(found, expected, atol=1e-4)
    again = cinegan.load_look(network.export(tmp_path / "grey.safetensors"))
    assert again.monochrome


def test_other_looks_and_other_filters_are_refused(plain: LutLook, tmp_path: Path) -> None:
    colours = LutLook("warm", Lut.from_table(identity_lut(2)))
    with pytest.raises(UserError, match="filter 'red' needs a black-and-white look, which warm"):
        colours(data.astronaut()[:8, :8], colour_filter="red")
    with pytest.raises(UserError, match="filter 'pink' is not one of yellow, orange, red"):
        plain(data.astronaut()[:8, :8], colour_filter="pink")
    write_lut(tmp_path / "warm.cube", identity_lut(2))
    arguments = ["apply", str(tmp_path), "--look", str(tmp_path / "warm.cube"), "--filter", "red"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert "filter 'red' needs a black-and-white look" in result.stderr
