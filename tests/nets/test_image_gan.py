"""The image GAN's networks, compared with the same networks in Keras."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from flax.traverse_util import flatten_dict
from keras import layers

from cinegan_jax.nets.image_gan import ImageGanDiscriminator, ImageGanGenerator
from cinegan_jax.nets.norms import ALONE

pytestmark = pytest.mark.agreement


@pytest.fixture(autouse=True)
def lenient_ranks() -> Iterator[None]:
    """Convert our arrays to those of Keras' layers."""
    with jax.numpy_rank_promotion("allow"):
        yield


def keras_generator(size: int, z: int, capacity: int) -> keras.Model:
    latents = keras.Input((z,))
    widest = capacity * size // 8
    x = layers.Dense(4 * 4 * widest, name="dense")(latents)
    x = layers.Reshape((4, 4, widest))(x)
    doublings = {16: 2, 64: 4}[size]
    for i in range(1, doublings + 1):
        features = max(capacity, widest // 2**i)
        x = layers.Conv2DTranspose(features, 5, strides=2, padding="same", name=f"up{i}")(x)
        x = layers.BatchNormalization(name=f"norm{i}")(x)
        x = layers.LeakyReLU(negative_slope=0.3)(x)
    images = layers.Conv2D(3, 5, padding="same", activation="tanh", name="picture")(x)
    return keras.Model(latents, images)


def keras_discriminator(size: int, capacity: int) -> keras.Model:
    """Return the discriminator with logits; tutorials apply a sigmoid to them."""
    images = x = keras.Input((size, size, 3))
    for i in range(1, {16: 2, 64: 4}[size] + 1):
        for part, stride in (("a", 1), ("b", 2)):
            features = capacity * 2 ** (i - 1)
            conv = layers.Conv2D(features, 5, strides=stride, padding="same", name=f"conv{i}{part}")
            x = layers.BatchNormalization(name=f"norm{i}{part}")(conv(x))
        x = layers.LeakyReLU(negative_slope=0.3)(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(images, layers.Dense(1, name="logits")(x))


SIZE, Z, CAPACITY, BATCH = 16, 7, 4, 6
NETWORKS = {
    "generator": (
        ImageGanGenerator(SIZE, CAPACITY),
        keras_generator,
        (SIZE, Z, CAPACITY),
        (BATCH, Z),
    ),
    "discriminator": (
        ImageGanDiscriminator(CAPACITY),
        keras_discriminator,
        (SIZE, CAPACITY),
        (BATCH, SIZE, SIZE, 3),
    ),
}


def copy_to(model: keras.Model, params: Any, statistics: Any) -> None:
    """Set the arrays of Keras' layers from ours of the same names."""
    for name, leaves in params.items():
        arrays = {**leaves, **statistics.get(name, {})}
        if name == "dense":
            arrays["kernel"] = arrays["kernel"].reshape(len(arrays["kernel"]), -1)
            arrays["bias"] = arrays["bias"].reshape(-1)
        order = [p for p in ("scale", "kernel", "bias", "mean", "variance") if p in arrays]
        model.get_layer(name).set_weights([arrays[part] for part in order])


@pytest.mark.parametrize("which", NETWORKS)
def test_parity_in_training_and_after_it(
    which: str, rng: np.random.Generator, random_params: Any
) -> None:
    ours, build, settings, shape = NETWORKS[which]
    theirs = build(*settings)
    params = random_params(ours, jnp.zeros(shape))
    statistics = jax.jit(ours.init)(jax.random.key(0), jnp.zeros(shape))["batch_stats"]
    copy_to(theirs, params, statistics)

    @jax.jit
    def train(statistics: Any, x: jax.Array) -> Any:
        variables = {"params": params, "batch_stats": statistics}
        return ours.apply(variables, x, ALONE, mutable=["batch_stats"])

    for _ in range(3):
        x = rng.normal(size=shape).astype(np.float32)
        result, after = train(statistics, x)
        statistics = after["batch_stats"]
        wanted = np.asarray(theirs(x, training=True)).reshape(result.shape)
        np.testing.assert_allclose(result, wanted, atol=2e-5)
    for name, found in flatten_dict(statistics).items():
        part = "moving_mean" if name[1] == "mean" else "moving_variance"
        wanted = np.asarray(getattr(theirs.get_layer(name[0]), part))
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6, err_msg="/".join(name))
    x = rng.normal(size=shape).astype(np.float32)
    result = jax.jit(ours.apply)({"params": params, "batch_stats": statistics}, x)
    wanted = np.asarray(theirs(x, training=False)).reshape(result.shape)
    np.testing.assert_allclose(result, wanted, atol=2e-5)


@pytest.mark.parametrize("which", NETWORKS)
def test_gradients(which: str, rng: np.random.Generator, random_params: Any) -> None:
    """Compares all but biases directly before a batch norm, which have rounding errors in Keras."""
    ours, build, settings, shape = NETWORKS[which]
    theirs = build(*settings)
    params = random_params(ours, jnp.zeros(shape))
    statistics = jax.jit(ours.init)(jax.random.key(0), jnp.zeros(shape))["batch_stats"]
    copy_to(theirs, params, statistics)
    x = rng.normal(size=shape).astype(np.float32)

    @jax.jit
    @jax.grad
    def gradient(params: Any) -> jax.Array:
        variables = {"params": params, "batch_stats": statistics}
        result, _ = ours.apply(variables, x, ALONE, mutable=["batch_stats"])
        return jnp.sum(jnp.sin(result))

    @jax.jit
    @jax.grad
    def keras_gradient(trainable: Any) -> jax.Array:
        fixed = [v.value for v in theirs.non_trainable_variables]
        return jnp.sum(jnp.sin(theirs.stateless_call(trainable, fixed, x, training=True)[0]))

    variables = theirs.trainable_variables
    found = keras_gradient([v.value for v in variables])
    wanted = {
        v.path.replace("gamma", "scale").replace("beta", "bias"): g
        for v, g in zip(variables, found, strict=True)
    }
    largest = max(float(jnp.abs(g).max()) for g in found)
    compared = 0
    for path, ours_found in flatten_dict(gradient(params), sep="/").items():
        layer = path.split("/")[0]
        if path.endswith("bias") and layer.startswith(("conv", "up")):
            assert not np.any(ours_found)
            assert np.abs(wanted[path]).max() < 1e-4 * largest
        else:
            gap = np.abs(np.reshape(ours_found, wanted[path].shape) - wanted[path]).max()
            assert gap < 1e-4 * largest, path
            compared += 1
    assert compared > len(wanted) / 2


def test_published_parameters() -> None:
    inputs = (jnp.zeros((1, 100)), jnp.zeros((1, 64, 64, 3)))
    modules = (ImageGanGenerator(64, 16), ImageGanDiscriminator(16))
    shapes = [
        jax.eval_shape(module.init, jax.random.key(0), x)["params"]
        for module, x in zip(modules, inputs, strict=True)
    ]
    ours = [sum(leaf.size for leaf in jax.tree.leaves(tree)) for tree in shapes]
    models = (keras_generator(64, 100, 16), keras_discriminator(64, 16))
    theirs = [sum(int(np.prod(w.shape)) for w in m.trainable_weights) for m in models]
    assert ours == theirs == [483_635, 815_569]


def test_bfloat16_inside_and_float32_at_the_ends() -> None:
    for module, x in (
        (ImageGanGenerator(16, 4, dtype=jnp.bfloat16), jnp.zeros((2, Z))),
        (ImageGanDiscriminator(4, dtype=jnp.bfloat16), jnp.zeros((2, 16, 16, 3))),
    ):
        result, variables = jax.eval_shape(module.init_with_output, jax.random.key(0), x)
        assert result.dtype == jnp.float32
        assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype(jnp.float32)}
