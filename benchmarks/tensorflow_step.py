"""The CineGAN step in Keras on TensorFlow, as in the published notebook.

Same networks, losses and optimizers; Keras' own spectral normalisation; no tf.data. VGG19 has
random weights: a benchmark reads no meaning from its features.
"""

import os
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import tensorflow as tf
from keras import layers


def build_generator(width: int, blocks: int) -> keras.Model:
    """Return the published generator."""

    def block(x: Any, channels: int, size: int = 3, stride: int = 1, spectral: bool = False) -> Any:
        conv = layers.Conv2D(channels, size, stride, padding="same")
        x = (layers.SpectralNormalization(conv) if spectral else conv)(x)
        return layers.ReLU()(norm(x))

    def up(x: Any, skip: Any, channels: int) -> Any:
        x = layers.Conv2D(4 * channels, 3, padding="same")(x)
        x = layers.Lambda(lambda t: tf.nn.depth_to_space(t, 2))(x)
        x = layers.ReLU()(norm(x))
        gate = layers.GlobalAveragePooling2D(keepdims=True)(skip)
        gate = layers.Dense(max(1, skip.shape[-1] // 16), activation="relu")(gate)
        gate = layers.Dense(skip.shape[-1], activation="sigmoid")(gate)
        return block(layers.Concatenate()([x, skip * gate]), channels)

    photo = layers.Input((None, None, 3))
    e1 = block(photo, width, 7)
    e2 = block(e1, 2 * width, stride=2, spectral=True)
    e3 = block(e2, 4 * width, stride=2, spectral=True)
    x = block(e3, 8 * width, stride=2, spectral=True)
    for _ in range(blocks):
        y = block(x, 8 * width)
        x = x + norm(layers.Conv2D(8 * width, 3, padding="same")(y))
    x = up(x, e3, 4 * width)
    x = up(x, e2, 2 * width)
    x = up(x, e1, width)
    x = layers.Conv2D(3, 7, padding="same")(x)
    return keras.Model(photo, layers.Activation("tanh", dtype="float32")(x))


def build_discriminator(width: int) -> keras.Model:
    """Return the published discriminator, with its features."""
    pair = layers.Input((None, None, 6))
    x, features = pair, []
    for i, (channels, stride) in enumerate(((1, 2), (2, 2), (4, 2), (8, 1))):
        conv = layers.Conv2D(channels * width, 4, stride, padding="same")
        x = layers.SpectralNormalization(conv)(x)
        x = layers.LeakyReLU(negative_slope=0.2)(norm(x) if i else x)
        features.append(x)
    logits = layers.SpectralNormalization(layers.Conv2D(1, 4, padding="same"))(x)
    return keras.Model(pair, [logits, *features[1:]])


def build_vgg() -> keras.Model:
    """Return VGG19 up to block4_conv2."""
    whole = keras.applications.VGG19(include_top=False, weights=None, input_shape=(None, None, 3))
    return keras.Model(whole.input, whole.get_layer("block4_conv2").output)


def norm(x: Any) -> Any:
    """Apply instance normalisation."""
    return layers.GroupNormalization(groups=-1, epsilon=1e-3)(x)


def make_step(width: int, blocks: int, perceptual: float, precision: str) -> Any:
    """Return `step(photo, target)` on signed float32 [n, h, w, 3] and the parameter count."""
    keras.config.set_dtype_policy({"f32": "float32", "bf16": "mixed_bfloat16"}[precision])
    generator, vgg = build_generator(width, blocks), build_vgg() if perceptual else None
    discriminators = {1: build_discriminator(width), 2: build_discriminator(width)}
    discriminator_variables = [
        v for discriminator in discriminators.values() for v in discriminator.trainable_variables
    ]
    generator_adam = keras.optimizers.Adam(5e-5, beta_1=0.0, beta_2=0.9)
    discriminator_adam = keras.optimizers.Adam(1e-4, beta_1=0.0, beta_2=0.9)

    def features(images: Any) -> Any:
        return vgg((images[..., ::-1] + 1) * 127.5 - [103.939, 116.779, 123.68], training=False)

    @tf.function
    def step(photo: Any, target: Any) -> Any:
        with tf.GradientTape(persistent=True) as tape:
            fake = generator(photo, training=True)
            generator_loss = 0.0
            if perceptual:
                wanted, found = tf.stop_gradient(features(target)), features(fake)
                generator_loss += perceptual * mean_gap(wanted, found)
            discriminator_loss = 0.0
            for factor, discriminator in discriminators.items():
                a, b, c = (
                    tf.nn.avg_pool2d(x, factor, factor, "VALID") for x in (photo, target, fake)
                )
                real, *wanted = discriminator(tf.concat([a, b], -1), training=True)
                made, *found = discriminator(tf.concat([a, c], -1), training=True)
                real, made = tf.cast(real, tf.float32), tf.cast(made, tf.float32)
                discriminator_loss += tf.reduce_mean(tf.nn.relu(1 - real))
                discriminator_loss += tf.reduce_mean(tf.nn.relu(1 + made))
                matching = sum(mean_gap(*each) for each in zip(wanted, found, strict=True))
                generator_loss += 0.5 * (10.0 * matching - tf.reduce_mean(made))
        generator_gradients = tape.gradient(generator_loss, generator.trainable_variables)
        discriminator_gradients = tape.gradient(discriminator_loss, discriminator_variables)
        generator_adam.apply_gradients(
            zip(generator_gradients, generator.trainable_variables, strict=True)
        )
        discriminator_adam.apply_gradients(
            zip(discriminator_gradients, discriminator_variables, strict=True)
        )
        return generator_loss, discriminator_loss

    moved = [*generator.trainable_variables, *discriminator_variables]
    return step, sum(int(tf.size(variable)) for variable in moved)


def mean_gap(a: Any, b: Any) -> Any:
    """Return the mean absolute difference."""
    return tf.reduce_mean(tf.abs(tf.cast(a, tf.float32) - tf.cast(b, tf.float32)))
