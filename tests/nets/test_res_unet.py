from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from flax.traverse_util import flatten_dict
from keras import layers

from cinegan_jax.nets.res_unet import ResUnetGenerator

pytestmark = pytest.mark.agreement


def keras_generator(width: int, num_blocks: int) -> keras.Model:
    """Return the published generator in Keras; names are our paths with `-` for `/`."""

    def conv(
        x: Any, features: int, size: int, name: str, stride: int = 1, spectral: bool = False
    ) -> Any:
        layer = layers.Conv2D(features, size, strides=stride, padding="same", name=f"{name}-conv")
        return (layers.SpectralNormalization(layer, name=layer.name) if spectral else layer)(x)

    def norm(x: Any, name: str) -> Any:
        return layers.GroupNormalization(groups=-1, epsilon=1e-3, name=f"{name}-norm")(x)

    def block(
        x: Any, features: int, name: str, size: int = 3, stride: int = 1, spectral: bool = False
    ) -> Any:
        return layers.ReLU()(norm(conv(x, features, size, name, stride, spectral), name))

    def residual(x: Any, name: str) -> Any:
        y = block(x, 8 * width, f"{name}-first")
        return layers.Add()([x, norm(conv(y, 8 * width, 3, name), name)])

    def shuffle(x: Any) -> Any:
        _, h, w, c = x.shape
        x = keras.ops.reshape(x, (-1, h, w, 2, 2, c // 4))
        x = keras.ops.transpose(x, (0, 1, 3, 2, 4, 5))
        return keras.ops.reshape(x, (-1, 2 * h, 2 * w, c // 4))

    def gate(x: Any, name: str) -> Any:
        c = x.shape[-1]
        y = layers.GlobalAveragePooling2D()(x)
        y = layers.Dense(max(1, c // 16), activation="relu", name=f"{name}-squeeze")(y)
        y = layers.Dense(c, activation="sigmoid", name=f"{name}-excite")(y)
        return layers.Multiply()([x, layers.Reshape((1, 1, c))(y)])

    def up(x: Any, skip: Any, features: int, name: str) -> Any:
        x = layers.ReLU()(norm(shuffle(conv(x, 4 * features, 3, name)), name))
        x = layers.Concatenate()([x, gate(skip, f"{name}-gate")])
        return block(x, features, f"{name}-join")

    photo = keras.Input((32, 32, 3))
    e1 = block(photo, width, "e1", size=7)
    e2 = block(e1, 2 * width, "e2", stride=2, spectral=True)
    e3 = block(e2, 4 * width, "e3", stride=2, spectral=True)
    x = block(e3, 8 * width, "e4", stride=2, spectral=True)
    for i in range(1, num_blocks + 1):
        x = residual(x, f"block{i}")
    x = up(x, e3, 4 * width, "up1")
    x = up(x, e2, 2 * width, "up2")
    x = up(x, e1, width, "up3")
    output = layers.Conv2D(3, 7, padding="same", activation="tanh", name="output")(x)
    return keras.Model(photo, output)


def signed_images(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.uniform(-1, 1, shape).astype(np.float32)


def test_parity_with_keras(
    rng: np.random.Generator,
    random_params: Callable[..., Any],
    copy_to_keras: Callable[[Any, Any], None],
) -> None:
    """Compares networks of the published width and depth."""
    photo = signed_images(rng, 2, 32, 32, 3)
    generator = ResUnetGenerator()
    params = random_params(generator, photo)
    with jax.numpy_rank_promotion("allow"):
        reference = keras_generator(width=64, num_blocks=9)
        copy_to_keras(params, reference)
        wanted = reference.predict_on_batch(photo)
    got = jax.jit(generator.apply)({"params": params}, photo)
    np.testing.assert_allclose(got, wanted, atol=1e-4)


def test_published_parameter_count() -> None:
    shapes = jax.eval_shape(ResUnetGenerator().init, jax.random.key(0), jnp.zeros((1, 512, 512, 3)))
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == 51_821_663


@pytest.mark.parametrize("shape", [(1, 36, 32, 3), (1, 32, 4, 3), (32, 32, 3)])
def test_sizes_must_be_multiples_of_8(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=rf"multiples of 8, got \({shape[0]}, {shape[1]}, "):
        jax.eval_shape(ResUnetGenerator(8, 1).init, jax.random.key(0), jnp.zeros(shape))


def test_residual_generator_starts_as_the_identity(
    rng: np.random.Generator, random_params: Callable[..., Any]
) -> None:
    """Holds for any parameters of the other layers; the zero kernel still has a gradient."""
    photo = signed_images(rng, 1, 16, 24, 3)
    generator = ResUnetGenerator(8, 1, residual=True, colour_path=32)
    params = random_params(generator, photo)
    start = jax.jit(lambda key: generator.init(key, photo)["params"]["output"])(jax.random.key(0))

    @jax.jit
    def gradient_and_image(last: Any) -> Any:
        def loss(last: Any) -> Any:
            image = generator.apply({"params": {**params, "output": last}}, photo)
            return jnp.sum(image), image

        return jax.grad(loss, has_aux=True)(last)

    gradient, image = gradient_and_image(start)
    np.testing.assert_array_equal(image, photo)
    assert np.any(gradient["kernel"])


@pytest.mark.parametrize("residual", [False, True])
def test_colour_path_alone_is_a_function_of_each_pixel(
    rng: np.random.Generator, random_params: Callable[..., Any], residual: bool
) -> None:
    """With the U-Net's features at zero only the pointwise path remains; compare with numpy."""
    photo = signed_images(rng, 2, 8, 16, 3)
    generator = ResUnetGenerator(8, 1, residual=residual, colour_path=32)
    params = random_params(generator, photo)
    params["up3"]["join"]["norm"] = jax.tree.map(np.zeros_like, params["up3"]["join"]["norm"])

    def dense(x: Any, name: str) -> Any:
        return x @ params[name]["kernel"][0, 0] + params[name]["bias"]

    colour = np.maximum(0, dense(np.maximum(0, dense(photo, "colour1")), "colour2"))
    features = np.concatenate([np.zeros((2, 8, 16, 8)), colour], axis=-1)
    last = dense(np.maximum(0, dense(features, "colour_mix")), "output")
    wanted = photo + last if residual else np.tanh(last)
    got = jax.jit(generator.apply)({"params": params}, photo)
    np.testing.assert_allclose(got, wanted, atol=1e-5)


def test_bfloat16_activations_with_float32_masters_and_result(rng: np.random.Generator) -> None:
    photo = signed_images(rng, 1, 16, 16, 3)
    generator = ResUnetGenerator(8, 1, residual=True, colour_path=32, dtype=jnp.bfloat16)
    variables = jax.eval_shape(generator.init, jax.random.key(0), photo)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype(jnp.float32)}
    shapes = jax.eval_shape(
        lambda v: generator.apply(v, photo, capture_intermediates=True), variables
    )
    result, intermediates = shapes[0], flatten_dict(shapes[1]["intermediates"], sep="/")
    assert result.dtype == jnp.float32
    assert {name for name, (leaf,) in intermediates.items() if leaf.dtype != jnp.bfloat16} == {
        "__call__"
    }


def test_spectral_layers_are_the_strided_convolutions() -> None:
    shapes = jax.eval_shape(ResUnetGenerator(8, 1).init, jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
    kernels = flatten_dict(shapes["params"], sep="/")
    assert ResUnetGenerator.spectral_layers == ("e2/conv", "e3/conv", "e4/conv")
    assert all(f"{layer}/kernel" in kernels for layer in ResUnetGenerator.spectral_layers)
