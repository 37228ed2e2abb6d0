"""Optional parts of the generator: glow path, colour table and layer norm."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from cinegan_jax.nets.norms import InstanceNorm, LayerNorm
from cinegan_jax.nets.res_unet import ResUnetGenerator
from cinegan_jax.ops.blur import B3_SPLINE, BLUR_LEVELS, blur_pyramid
from cinegan_jax.ops.images import pixel_shuffle
from cinegan_jax.ops.lut import apply_lut

pytestmark = pytest.mark.agreement


def _photo(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (1, 32, 40, 3)).astype(np.float32)


def test_blurs_agree_with_scipy() -> None:
    x = np.random.default_rng(0).normal(size=(2, 20, 31, 3)).astype(np.float32)
    expected = x.astype(np.float64)
    for scale, blurred in enumerate(blur_pyramid(jnp.asarray(x))):
        taps = np.zeros(4 * 2**scale + 1)
        taps[:: 2**scale] = B3_SPLINE
        for axis in (1, 2):
            expected = ndimage.convolve1d(expected, taps, axis=axis, mode="nearest")
        np.testing.assert_allclose(blurred, expected, atol=1e-5)


def test_blurs_have_the_documented_deviations() -> None:
    point = np.zeros((1, 101, 101, 1), np.float32)
    point[0, 50, 50, 0] = 1
    distance = np.arange(101) - 50
    widths = [
        float(np.sqrt((b[0, :, :, 0].sum(0) * distance**2).sum())) for b in blur_pyramid(point)
    ]
    assert len(widths) == BLUR_LEVELS
    np.testing.assert_allclose(widths, [1, 2.2, 4.6, 9.2], atol=0.05)


def test_with_zero_output_the_colour_table_is_the_result() -> None:
    generator = ResUnetGenerator(width=4, num_blocks=1, residual=True, colour_table=5)
    photo, rng = _photo(), np.random.default_rng(1)
    params = generator.init(jax.random.key(0), photo)["params"]
    identity = generator.apply({"params": params}, photo)
    np.testing.assert_allclose(identity, photo, atol=1e-6)
    table = rng.uniform(size=(5, 5, 5, 3)).astype(np.float32)
    result = generator.apply({"params": {**params, "colour_table": table}}, photo)
    np.testing.assert_allclose(result, 2 * apply_lut(table, (photo + 1) / 2) - 1, atol=1e-6)


def test_the_colour_table_has_no_gradient_and_the_rest_has() -> None:
    generator = ResUnetGenerator(width=4, num_blocks=1, residual=True, colour_table=5)
    photo = _photo()
    params = generator.init(jax.random.key(0), photo)["params"]

    def loss(params: Any) -> jax.Array:
        return jnp.mean(jnp.square(generator.apply({"params": params}, photo) - 0.3))

    gradients = jax.grad(loss)(params)
    assert not np.any(gradients["colour_table"])
    assert np.any(gradients["output"]["kernel"])


def test_light_far_away_reaches_a_pixel_only_through_the_glow_path() -> None:
    photo = np.full((1, 64, 64, 3), -0.5, np.float32)
    brighter = photo.copy()
    brighter[0, 20, 20] = 1.0
    rng = np.random.default_rng(0)
    for glow, changed in ((0, False), (4, True)):
        generator = ResUnetGenerator(
            width=4, num_blocks=1, residual=True, colour_path=8, glow_path=glow
        )
        params = generator.init(jax.random.key(0), photo)["params"]
        # Zero the U-Net's features, so that only the other paths have an effect.
        kernel = rng.normal(size=params["colour_mix"]["kernel"].shape).astype(np.float32)
        kernel[..., :4, :] = 0
        output = rng.normal(size=params["output"]["kernel"].shape).astype(np.float32)
        params = {
            **params,
            "colour_mix": {**params["colour_mix"], "kernel": kernel},
            "output": {**params["output"], "kernel": output},
        }
        before, after = (generator.apply({"params": params}, p) for p in (photo, brighter))
        assert bool(np.any(np.abs(after - before)[0, 20, 30] > 1e-6)) == changed


def test_layer_norm_of_parts_is_that_of_each_pixel_after_the_shuffle() -> None:
    x = np.random.default_rng(0).normal(3, 2, size=(2, 4, 5, 24)).astype(np.float32)
    norm = LayerNorm(parts=4)
    variables = norm.init(jax.random.key(0), x)
    shuffled = np.asarray(pixel_shuffle(norm.apply(variables, x)))
    pixels = np.asarray(pixel_shuffle(jnp.asarray(x))).astype(np.float64)
    centred = pixels - pixels.mean(-1, keepdims=True)
    expected = centred / np.sqrt(np.square(centred).mean(-1, keepdims=True) + norm.epsilon)
    np.testing.assert_allclose(shuffled, expected, atol=1e-5)


def test_layer_norm_keeps_levels_that_instance_norm_removes() -> None:
    rng = np.random.default_rng(0)
    x, levels = rng.normal(size=(1, 6, 7, 8)), rng.normal(size=8)
    for norm, same in ((InstanceNorm(), True), (LayerNorm(), False)):
        variables = norm.init(jax.random.key(0), x)
        one, other = (np.asarray(norm.apply(variables, x + shift)) for shift in (0, levels))
        assert np.allclose(one, other, atol=1e-4) == same


@pytest.mark.parametrize(
    ("fields", "needed"),
    [({"colour_table": 9}, "needs residual"), ({"glow_path": 4}, "needs a colour_path")],
)
def test_invalid_combinations_of_fields_are_refused(fields: dict[str, int], needed: str) -> None:
    with pytest.raises(ValueError, match=needed):
        ResUnetGenerator(width=4, **fields).init(jax.random.key(0), _photo())
