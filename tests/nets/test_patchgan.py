from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from keras import layers

from cinegan_jax.nets.patchgan import PatchDiscriminator

pytestmark = pytest.mark.agreement


def keras_discriminator(width: int) -> keras.Model:
    """Return the published discriminator, with logits and three features as outputs."""
    pair = x = keras.Input((32, 32, 6))
    features = []
    for i, (channels, stride) in enumerate(
        ((width, 2), (2 * width, 2), (4 * width, 2), (8 * width, 1)), start=1
    ):
        conv = layers.Conv2D(channels, 4, strides=stride, padding="same")
        x = layers.SpectralNormalization(conv, name=f"conv{i}")(x)
        if i > 1:
            x = layers.GroupNormalization(groups=-1, epsilon=1e-3, name=f"norm{i}")(x)
        x = layers.LeakyReLU(negative_slope=0.2)(x)
        features.append(x)
    last = layers.Conv2D(1, 4, padding="same")
    logits = layers.SpectralNormalization(last, name="logits")(x)
    return keras.Model(pair, [logits, *features[1:]])


def test_parity_with_keras(
    rng: np.random.Generator,
    random_params: Callable[..., Any],
    copy_to_keras: Callable[[Any, Any], None],
) -> None:
    pair = rng.uniform(-1, 1, (2, 32, 32, 6)).astype(np.float32)
    discriminator, reference = PatchDiscriminator(), keras_discriminator(64)
    params = random_params(discriminator, pair)
    copy_to_keras(params, reference)
    outputs = reference.predict_on_batch(pair)
    logits, features = jax.jit(discriminator.apply)({"params": params}, pair)
    for got, wanted in zip((logits, *features), outputs, strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-4)


def test_published_parameter_count() -> None:
    shapes = jax.eval_shape(PatchDiscriminator().init, jax.random.key(0), jnp.zeros((1, 64, 64, 6)))
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == 2_769_601


def test_every_convolution_is_spectrally_normalised() -> None:
    shapes = jax.eval_shape(PatchDiscriminator(8).init, jax.random.key(0), jnp.zeros((1, 8, 8, 6)))
    with_kernel = {name for name, layer in shapes["params"].items() if "kernel" in layer}
    assert with_kernel == set(PatchDiscriminator.spectral_layers)


def test_bfloat16_features_and_float32_logits() -> None:
    discriminator, pair = PatchDiscriminator(8, dtype=jnp.bfloat16), jnp.zeros((1, 40, 24, 6))
    (logits, features), variables = jax.eval_shape(
        discriminator.init_with_output, jax.random.key(0), pair
    )
    assert logits.shape == (1, 5, 3, 1)
    assert [f.shape for f in features] == [(1, 10, 6, 16), (1, 5, 3, 32), (1, 5, 3, 64)]
    assert logits.dtype == jnp.float32
    assert {f.dtype for f in features} == {jnp.dtype(jnp.bfloat16)}
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype(jnp.float32)}
