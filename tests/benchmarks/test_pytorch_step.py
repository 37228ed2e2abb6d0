"""The benchmark's PyTorch step agrees with ours in counts, losses and gradients."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cinegan_jax.families.api import step_context
from cinegan_jax.families.cinegan import CineGan, LossWeights
from cinegan_jax.families.cinegan_discriminators import DISCRIMINATOR_SCALES
from cinegan_jax.nets.patchgan import PatchDiscriminator
from cinegan_jax.nets.res_unet import ResUnetGenerator
from cinegan_jax.nets.vgg19 import Vgg19Weights, layer_shapes
from cinegan_jax.training.gradients import player_gradients

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from benchmarks import pytorch_step  # noqa: E402

WIDTH, BLOCKS = 8, 1


def ours(**changes: int) -> CineGan:
    size = {"width": WIDTH, "num_blocks": BLOCKS, **changes}
    return CineGan(ResUnetGenerator(**size), PatchDiscriminator(size["width"]), LossWeights(), "")


def set_parameters(layer: Any, values: Any) -> None:
    """Convert our parameters to PyTorch's layout."""
    for name, array in values.items():
        theirs = {"kernel": "weight", "scale": "weight", "bias": "bias"}[name]
        array = np.asarray(array)
        array = np.moveaxis(array, (-1, -2), (0, 1)) if array.ndim == 4 else array.T
        with torch.no_grad():
            getattr(layer, theirs).copy_(torch.from_numpy(array.copy()))


def shuffled(values: Any) -> dict[str, np.ndarray]:
    """Reorder channels before a pixel shuffle: in PyTorch the position varies fastest."""
    return {
        name: np.moveaxis(np.reshape(a, (*a.shape[:-1], 4, -1)), -2, -1).reshape(a.shape)
        for name, a in values.items()
    }


def set_generator(network: Any, params: Any) -> None:
    for name in ("e1", "e2", "e3", "e4"):
        set_parameters(getattr(network, name).conv, params[name]["conv"])
        set_parameters(getattr(network, name).norm, params[name]["norm"])
    for number, block in enumerate(network.blocks, start=1):
        values = params[f"block{number}"]
        set_parameters(block[0].conv, values["first"]["conv"])
        set_parameters(block[0].norm, values["first"]["norm"])
        set_parameters(block[1].conv, values["conv"])
        set_parameters(block[1].norm, values["norm"])
    for name in ("up1", "up2", "up3"):
        up, values = getattr(network, name), params[name]
        set_parameters(up.conv, shuffled(values["conv"]))
        set_parameters(up.norm, values["norm"])
        set_parameters(up.squeeze, values["gate"]["squeeze"])
        set_parameters(up.excite, values["gate"]["excite"])
        set_parameters(up.join.conv, values["join"]["conv"])
        set_parameters(up.join.norm, values["join"]["norm"])
    set_parameters(network.output, params["output"])


def set_discriminator(network: Any, params: Any, vectors: Any) -> None:
    for number, conv in enumerate(network.convs, start=1):
        set_parameters(conv, params[f"conv{number}"])
        conv.u.copy_(torch.tensor(np.asarray(vectors[f"conv{number}"])))
    for number, layer in enumerate(network.norms, start=2):
        set_parameters(layer, params[f"norm{number}"])
    set_parameters(network.logits, params["logits"])
    network.logits.u.copy_(torch.tensor(np.asarray(vectors["logits"])))


def vgg19(rng: np.random.Generator) -> Vgg19Weights:
    shapes = layer_shapes()
    layers = {
        name: {part: jnp.float32(rng.normal(0, 0.03, shape)) for part, shape in parts.items()}
        for name, parts in shapes.items()
    }
    return Vgg19Weights(layers, "keras")


def theirs(params: Any, vectors: Any, vgg: Vgg19Weights) -> pytorch_step.CineGan:
    gan = pytorch_step.CineGan(WIDTH, BLOCKS, perceptual=2.0)
    set_generator(gan.generator, params["generator"])
    for name in ("e2", "e3", "e4"):
        u = np.asarray(vectors["generator"][f"{name}/conv"])
        getattr(gan.generator, name).conv.u.copy_(torch.tensor(u))
    for scale, discriminator in zip(DISCRIMINATOR_SCALES, gan.discriminators, strict=True):
        set_discriminator(
            discriminator, params["discriminator"][scale], vectors["discriminator"][scale]
        )
    for conv, values in zip(gan.vgg.convs, vgg.layers.values(), strict=True):
        set_parameters(conv, values)
    return gan


def as_tensor(images: np.ndarray) -> Any:
    return torch.from_numpy(np.moveaxis(images / np.float32(127.5) - 1, -1, 1).copy())


def norm_of(arrays: list[np.ndarray]) -> float:
    return float(np.sqrt(sum(np.sum(np.square(a, dtype=np.float64)) for a in arrays)))


def test_losses_and_gradients_agree(rng: np.random.Generator) -> None:
    batch = {n: rng.integers(0, 256, (2, 32, 32, 3), np.uint8) for n in ("input", "target")}
    family, vgg = ours(), vgg19(rng)
    params, vectors = jax.jit(family.init)(jax.random.key(1), batch)
    context = step_context(0, jax.random.key(0), 2)
    slopes, losses, _ = jax.jit(
        lambda p, s, f, b: player_gradients(
            family.objective, ("generator", "discriminator"), p, s, f, b, context
        )
    )(params, vectors, vgg, batch)

    gan = theirs(params, vectors, vgg)
    generator_loss, discriminator_loss = gan.losses(
        as_tensor(batch["input"]), as_tensor(batch["target"])
    )
    np.testing.assert_allclose(float(generator_loss.detach()), losses["generator"], rtol=1e-5)
    np.testing.assert_allclose(
        float(discriminator_loss.detach()), losses["discriminator"], rtol=1e-5
    )
    for loss, network, name in (
        (generator_loss, gan.generator, "generator"),
        (discriminator_loss, gan.discriminators, "discriminator"),
    ):
        _, found = pytorch_step.gradients(loss, network, retain_graph=True)
        wanted = [np.asarray(a) for a in jax.tree.leaves(slopes[name])]
        np.testing.assert_allclose(norm_of([g.numpy() for g in found]), norm_of(wanted), rtol=1e-4)


def test_the_networks_are_the_published_ones() -> None:
    gan = pytorch_step.CineGan(64, 9, perceptual=2.0)
    count = lambda network: sum(p.numel() for p in network.parameters())  # noqa: E731
    assert count(gan.generator) == 51_821_663
    assert count(gan.discriminators) == 2 * 2_769_601


def test_a_step_moves_both_players(rng: np.random.Generator) -> None:
    gan = pytorch_step.CineGan(WIDTH, BLOCKS, perceptual=0.0)
    before = [
        [p.detach().clone() for p in n.parameters()] for n in (gan.generator, gan.discriminators)
    ]
    photo, target = (torch.from_numpy(rng.uniform(-1, 1, (1, 3, 32, 32))).float() for _ in range(2))
    losses = pytorch_step.make_step(gan)(photo, target)
    assert all(torch.isfinite(loss) for loss in losses)
    for network, olds in zip((gan.generator, gan.discriminators), before, strict=True):
        kernels = [(o, n) for o, n in zip(olds, network.parameters(), strict=True) if o.ndim == 4]
        assert all((o != n).any() for o, n in kernels)
