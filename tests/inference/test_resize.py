import numpy as np
import pytest
from PIL import Image

from cinegan_jax.inference.resize import resize


@pytest.mark.parametrize("size", [(64, 64), (61, 37), (300, 401), (1, 1), (200, 7)])
def test_resampling_agrees_with_pillow(rng: np.random.Generator, size: tuple[int, int]) -> None:
    photo = rng.integers(0, 256, (211, 143, 3), np.uint8)
    channels = [Image.fromarray(photo[..., c].astype(np.float32)) for c in range(3)]
    expected = [c.resize(size[::-1], Image.Resampling.BILINEAR) for c in channels]
    found = resize(photo, *size)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.stack(expected, axis=-1) / 255, atol=1e-5)


def test_sixteen_bits_are_kept(rng: np.random.Generator) -> None:
    photo = rng.integers(0, 2**16, (20, 30, 3), np.uint16)
    np.testing.assert_allclose(resize(photo, 20, 30), photo / 65535, atol=1e-6)
