"""R1 compared with double back-propagation in PyTorch."""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cinegan_jax.families.api import step_context
from cinegan_jax.families.cinegan import CineGan
from cinegan_jax.families.cinegan_config import LossWeights
from cinegan_jax.families.cinegan_discriminators import DISCRIMINATOR_SCALES
from cinegan_jax.families.game import Adversarial
from cinegan_jax.nets.patchgan import PatchDiscriminator
from cinegan_jax.nets.res_unet import ResUnetGenerator
from cinegan_jax.training.gradients import player_gradients

pytestmark = pytest.mark.agreement

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

GAMMA, EVERY = 10.0, 4
STRIDES = {"conv1": 2, "conv2": 2, "conv3": 2, "conv4": 1, "logits": 1}


def family(dtype: Any) -> CineGan:
    return CineGan(
        ResUnetGenerator(width=2, num_blocks=1, dtype=dtype),
        PatchDiscriminator(width=2, dtype=dtype),
        LossWeights(perceptual=0.0),
        "",
        Adversarial(r1=GAMMA, r1_every=EVERY),
    )


@cache
def batch() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    return {name: rng.integers(0, 256, (2, 32, 32, 3), np.uint8) for name in ("input", "target")}


@cache
def networks() -> Any:
    return jax.jit(family(jnp.float32).init)(jax.random.key(2), batch())


@cache
def our_gradient(dtype: Any) -> tuple[Any, float]:
    """Return the gradient by the discriminators' parameters, and the loss."""
    gan, context = family(dtype), step_context(0, jax.random.key(0), 2)
    (update,) = [update for update in gan.updates if update.name == "r1"]
    assert (update.players, update.every) == (("discriminator",), EVERY)
    slopes, losses, _ = jax.jit(
        lambda p, s, b: player_gradients(update.objective, update.players, p, s, None, b, context)
    )(*networks(), batch())
    return slopes["discriminator"], float(losses["discriminator"])


def kernel_over_sigma(kernel: Any, u: np.ndarray) -> Any:
    """Return the normalised kernel; u and v are constants, sigma = v W u is not."""
    matrix, right = kernel.reshape(-1, kernel.shape[-1]), torch.tensor(np.asarray(u))
    left = torch.nn.functional.normalize((matrix @ right).detach(), dim=0)
    return kernel / (left @ matrix @ right)


def logits(params: Any, vectors: Any, pair: Any) -> Any:
    """Return the discriminator's logits, with TensorFlow's 'same' padding and instance norm."""
    x = pair
    for name, stride in STRIDES.items():
        kernel = kernel_over_sigma(params[name]["kernel"], vectors[name]).permute(3, 2, 0, 1)
        x = torch.nn.functional.pad(x, (1, 1, 1, 1) if stride == 2 else (1, 2, 1, 2))
        x = torch.nn.functional.conv2d(x, kernel, params[name]["bias"], stride)
        if name in ("conv2", "conv3", "conv4"):
            norm = params[name.replace("conv", "norm")]
            variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
            x = (x - mean) / torch.sqrt(variance + 1e-3)
            x = x * norm["scale"][:, None, None] + norm["bias"][:, None, None]
        if name != "logits":
            x = torch.nn.functional.leaky_relu(x, 0.2)
    return x


def pytorch_gradient() -> tuple[dict[str, Any], float]:
    params, vectors = networks()
    photo, target = (
        torch.tensor(np.moveaxis(batch()[name] / np.float32(127.5) - 1, -1, 1))
        for name in ("input", "target")
    )
    leaves, penalty = {}, torch.zeros(())
    for scale, factor in zip(DISCRIMINATOR_SCALES, (1, 2), strict=True):
        leaves[scale] = jax.tree.map(
            lambda a: torch.tensor(np.asarray(a), requires_grad=True),
            dict(params["discriminator"][scale]),
        )
        condition, real = (torch.nn.functional.avg_pool2d(x, factor) for x in (photo, target))
        real.requires_grad_()
        score = logits(
            leaves[scale], vectors["discriminator"][scale], torch.cat([condition, real], 1)
        )
        (slope,) = torch.autograd.grad(score.mean((1, 2, 3)).sum(), real, create_graph=True)
        penalty = penalty + slope.square().sum((1, 2, 3)).mean()
    loss = GAMMA / 2 * EVERY * penalty
    loss.backward()
    return leaves, float(loss.detach())


def test_loss_and_gradient_match_pytorch() -> None:
    slopes, loss = our_gradient(jnp.float32)
    leaves, wanted = pytorch_gradient()
    assert loss == pytest.approx(wanted, rel=1e-4)
    for scale in DISCRIMINATOR_SCALES:
        for name, parts in leaves[scale].items():
            for part, leaf in parts.items():
                found = np.asarray(slopes[scale][name][part])
                expected = np.zeros_like(found) if leaf.grad is None else leaf.grad.numpy()
                np.testing.assert_allclose(
                    found, expected, rtol=2e-3, atol=1e-4 * loss, err_msg=f"{scale} {name} {part}"
                )
    assert max(np.abs(slope).max() for slope in jax.tree.leaves(slopes)) > 1e-2 * loss


def test_bfloat16_is_close_to_float32() -> None:
    (exact, loss), (rounded, near) = our_gradient(jnp.float32), our_gradient(jnp.bfloat16)
    assert near == pytest.approx(loss, rel=0.05)
    flat, about = (jax.flatten_util.ravel_pytree(slopes)[0] for slopes in (exact, rounded))
    assert about.dtype == jnp.float32
    cosine = flat @ about / jnp.linalg.norm(flat) / jnp.linalg.norm(about)
    assert cosine > 0.98
