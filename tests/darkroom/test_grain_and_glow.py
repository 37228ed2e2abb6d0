"""Grain, halation and bloom as options of `cinegan apply`, compared with `develop` itself."""

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from cinegan_jax.inference.develop import Settings, develop
from cinegan_jax.inference.look import load_look

Apply = Callable[..., Result]
WritePhoto = Callable[..., Path]


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize(
    ("options", "amount"),
    [(["--grain"], 1.0), (["--grain", "2.5"], 2.5), (["--grain=0.5"], 0.5), ([], 0.0)],
)
def test_grain_takes_an_amount_or_stands_alone(
    apply: Apply, write_photo: WritePhoto, tmp_path: Path, options: list[str], amount: float
) -> None:
    """An option that stands alone may come before the photo and before another option."""
    photo = write_photo(tmp_path / "a.png", 100, 100)
    size = ["--grain-size", 2]
    for index, arguments in enumerate(([*options, photo, *size], [photo, *size, *options])):
        ran = apply(*arguments, "--strength", 0, "-o", tmp_path / f"{index}.png")
        assert ran.exit_code == 0, ran.output
        settings = Settings(strength=0, grain=amount, grain_size=2, seed=zlib.crc32(b"a.png"))
        wanted = develop(pixels(photo), load_look("classic_neg"), settings)
        np.testing.assert_array_equal(pixels(tmp_path / f"{index}.png"), wanted)


def test_halation_and_bloom_reach_the_photo(
    apply: Apply, write_photo: WritePhoto, tmp_path: Path
) -> None:
    photo = write_photo(tmp_path / "a.png", 100, 100)
    result = tmp_path / "b.png"
    ran = apply(photo, "--strength", 0, "--halation", 2, "--bloom", 1, "-o", result)
    assert ran.exit_code == 0, ran.output
    settings = Settings(strength=0, halation=2, bloom=1, seed=zlib.crc32(b"a.png"))
    wanted = develop(pixels(photo), load_look("classic_neg"), settings)
    assert (wanted != pixels(photo)).any()
    np.testing.assert_array_equal(pixels(result), wanted)
    refused = apply(photo, "--bloom", 5, "-o", result)
    assert refused.exit_code == 2
    assert "bloom 5.0 is not between 0 and 4" in refused.output
