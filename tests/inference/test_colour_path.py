"""The colour path in bands compared with the generator's own layers."""

from collections.abc import Callable

import jax
import numpy as np
import pytest

from cinegan_jax.inference.look import Look
from cinegan_jax.inference.network import run_generator
from cinegan_jax.nets.res_unet import ResUnetGenerator
from cinegan_jax.ops.blur import blur_pyramid

SHAPES = [(8, 16), (24, 40), (64, 8)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("fields", [{"colour_path": 6}, {"colour_path": 6, "glow_path": 3}, {}])
def test_bands_are_the_generators_own_layers(
    random_look: Callable[..., Look],
    rng: np.random.Generator,
    shape: tuple[int, int],
    fields: dict[str, int],
) -> None:
    look = random_look(ResUnetGenerator(2, 1, residual=True, **fields))
    photo = rng.random((*shape, 3), np.float32)
    signed = look.generator.apply({"params": look.kernels}, 2 * photo[None] - 1)
    found = run_generator(look.generator, look.kernels, photo)
    np.testing.assert_allclose(found, (np.asarray(signed)[0] + 1) / 2, rtol=1e-5, atol=1e-5)


def test_stored_padding_does_not_change_a_blur(rng: np.random.Generator) -> None:
    light = rng.random((1, 9, 17, 2), np.float32)
    stored = jax.jit(lambda x: list(blur_pyramid(x, store_padded=True)))(light)
    for wanted, found in zip(blur_pyramid(light), stored, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
