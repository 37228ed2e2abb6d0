import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from jax import export

from cinegan_jax.inference.export import to_stablehlo
from cinegan_jax.inference.look import Look
from cinegan_jax.nets.res_unet import ResUnetGenerator

ELSEWHERE = """
import sys

sys.modules |= {"cinegan_jax": None, "flax": None}  # their import fails
import numpy as np
from jax import export

program, photos, images = sys.argv[1:]
with open(program, "rb") as file:
    look = export.deserialize(bytearray(file.read()))
np.savez(images, **{name: look.call(photo) for name, photo in np.load(photos).items()})
"""


def test_jax_alone_gives_the_same_images(
    random_look: Callable[..., Look],
    unit_images: Callable[..., tuple[np.ndarray, np.ndarray]],
    tmp_path: Path,
) -> None:
    """Runs in another process at three sizes, one of them with a batch of two."""
    look = random_look(ResUnetGenerator(4, 1))
    files = [tmp_path / name for name in ("look.stablehlo", "photos.npz", "images.npz")]
    files[0].write_bytes(to_stablehlo(look, np.float32))
    shapes = ((1, 64, 64, 3), (2, 24, 40, 3), (1, 8, 72, 3))
    pairs = {str(shape): unit_images(look, *shape) for shape in shapes}
    np.savez(files[1], **{name: photos for name, (photos, _) in pairs.items()})
    subprocess.run([sys.executable, "-c", ELSEWHERE, *map(str, files)], check=True)
    images = np.load(files[2])
    for name, (_, wanted) in pairs.items():
        np.testing.assert_allclose(images[name], wanted, atol=1e-5)


def test_float16_programs_run_on_all_platforms_and_refuse_other_sizes(
    random_look: Callable[..., Look], unit_images: Callable[..., tuple[np.ndarray, np.ndarray]]
) -> None:
    look = random_look(ResUnetGenerator(8, 1, residual=True, colour_path=12))
    half = to_stablehlo(look, np.float16)
    assert len(half) < 0.6 * len(to_stablehlo(look, np.float32))
    program = export.deserialize(bytearray(half))
    assert program.platforms == ("cpu", "cuda", "tpu")
    photos, wanted = unit_images(look, 1, 24, 40, 3)
    np.testing.assert_allclose(program.call(photos), wanted, atol=5e-3)
    with pytest.raises(ValueError, match="height"):
        program.call(np.zeros((1, 20, 24, 3), np.float32))
