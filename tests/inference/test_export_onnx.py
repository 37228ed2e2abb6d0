import json
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import pytest

from cinegan_jax.inference.export_onnx import to_onnx
from cinegan_jax.inference.look import Grain, Look
from cinegan_jax.inference.look_file import architecture
from cinegan_jax.nets.res_unet import ResUnetGenerator


def session_of(look: Look, dtype: Any = np.float32) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(to_onnx(look, dtype), providers=["CPUExecutionProvider"])


def run(session: onnxruntime.InferenceSession, photos: np.ndarray) -> np.ndarray:
    """Run a model on unit images [n, h, w, 3]."""
    (images,) = session.run(["picture"], {"photo": photos.transpose(0, 3, 1, 2)})
    return images.transpose(0, 2, 3, 1)


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("colour_path", [0, 12])
def test_onnxruntime_gives_the_generators_images(
    random_look: Callable[..., Look],
    unit_images: Callable[..., tuple[np.ndarray, np.ndarray]],
    residual: bool,
    colour_path: int,
) -> None:
    """Runs one model at three sizes, one of them with a batch of two."""
    look = random_look(ResUnetGenerator(8, 2, residual=residual, colour_path=colour_path))
    session = session_of(look)
    for shape in ((1, 64, 64, 3), (2, 24, 40, 3), (1, 8, 72, 3)):
        photos, wanted = unit_images(look, *shape)
        assert wanted.std() > 0.05
        np.testing.assert_allclose(run(session, photos), wanted, atol=1e-4)


def test_light_that_spreads_and_the_colour_table(
    random_look: Callable[..., Look], unit_images: Callable[..., tuple[np.ndarray, np.ndarray]]
) -> None:
    look = random_look(
        ResUnetGenerator(8, 1, residual=True, colour_path=12, glow_path=3, colour_table=5)
    )
    session = session_of(look)
    for shape in ((1, 64, 64, 3), (2, 24, 40, 3)):
        photos, wanted = unit_images(look, *shape)
        assert wanted.std() > 0.05
        np.testing.assert_allclose(run(session, photos), wanted, atol=1e-4)


@pytest.mark.slow
def test_the_published_generator(
    random_look: Callable[..., Look], unit_images: Callable[..., tuple[np.ndarray, np.ndarray]]
) -> None:
    look = random_look(ResUnetGenerator())
    photos, wanted = unit_images(look, 1, 64, 96, 3)
    np.testing.assert_allclose(run(session_of(look), photos), wanted, atol=1e-4)


def test_float16_halves_the_file_and_rounds_a_little(
    random_look: Callable[..., Look], unit_images: Callable[..., tuple[np.ndarray, np.ndarray]]
) -> None:
    look = random_look(ResUnetGenerator(8, 2, residual=True, colour_path=12))
    assert len(to_onnx(look, np.float16)) < 0.6 * len(to_onnx(look, np.float32))
    photos, wanted = unit_images(look, 1, 64, 64, 3)
    np.testing.assert_allclose(run(session_of(look, np.float16), photos), wanted, atol=5e-3)


def test_the_model_describes_its_input_and_output(random_look: Callable[..., Look]) -> None:
    look = random_look(ResUnetGenerator(8, 1, residual=True), grain=Grain(0.02, 0.003))
    session = session_of(look)
    (photo,), (image,) = session.get_inputs(), session.get_outputs()
    assert (photo.name, image.name) == ("photo", "picture")
    assert photo.shape == image.shape == ["batch", 3, "height", "width"]
    assert photo.type == image.type == "tensor(float)"
    said = session.get_modelmeta().custom_metadata_map
    assert said["name"] == look.name
    assert "0..1" in said["photo"]
    assert "multiples of 8" in said["photo"]
    assert json.loads(said["grain"]) == {"sigma": 0.02, "size": 0.003}
    assert json.loads(said["generator"]) == architecture(look.generator)
