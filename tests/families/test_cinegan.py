"""CineGAN's step under different settings."""

from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import runs
from agreement import largest_gap

from cinegan_jax import losses
from cinegan_jax.core.errors import UserError
from cinegan_jax.families.api import step_context
from cinegan_jax.families.cinegan import CineGan
from cinegan_jax.families.cinegan_config import LossWeights
from cinegan_jax.families.cinegan_discriminators import PLAYERS, advance
from cinegan_jax.families.game import Adversarial
from cinegan_jax.families.registry import build_family
from cinegan_jax.nets.patchgan import PatchDiscriminator
from cinegan_jax.nets.res_unet import ResUnetGenerator
from cinegan_jax.nets.vgg19 import Features, Vgg19Weights, layer_shapes
from cinegan_jax.preflight import step_cost
from cinegan_jax.training.gradients import player_gradients
from cinegan_jax.training.run import Run

CONTEXT = step_context(0, jax.random.key(0), 2)
CHARACTERISTIC = {
    "losses.histogram": (1.0, "sort"),
    "adversarial.noise": (0.1, "erf_inv"),
    "adversarial.augment": ("translation", "gather"),
    "adversarial.r1": (1.0, "cond"),
}
"""Keys, with a value that switches them on and an operation that only they add to a step."""


def small(**settings: Any) -> CineGan:
    weights = LossWeights(perceptual=0.0, feature_matching=1.0)
    networks = ResUnetGenerator(width=2, num_blocks=1), PatchDiscriminator(width=2)
    return CineGan(*networks, weights, "", Adversarial(**settings))


@pytest.fixture
def batch(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {name: rng.integers(0, 256, (2, 32, 32, 3), np.uint8) for name in ("input", "target")}


@cache
def operations(key: str = "") -> set[str]:
    """Return the names of all primitives in a step of the published config, with one key on."""
    on = {key: CHARACTERISTIC[key][0]} if key else {}
    run = Run(runs.config_of({**runs.TINY, **on}))
    state = run.state_shapes()
    program = jax.make_jaxpr(run.make_step())(state, None, run.batch_shapes(1))
    return set(_names(program.jaxpr))


def _names(program: Any) -> Any:
    for equation in program.eqns:
        yield equation.primitive.name
        for inner in step_cost._inner_programs(equation.params):
            yield from _names(inner)


@pytest.mark.parametrize("key", CHARACTERISTIC)
def test_a_key_that_is_off_adds_no_computation(key: str) -> None:
    operation = CHARACTERISTIC[key][1]
    assert operation not in operations()
    assert operation in operations(key)


def test_the_published_step_has_one_update_and_draws_one_minibatch() -> None:
    family = build_family(runs.config_of({}))
    (update,) = family.updates
    assert update.players == PLAYERS
    assert (update.repeats, update.every, update.name) == (1, 1, "")


@pytest.mark.slow
def test_alternating_updates_have_the_losses_and_gradients_of_the_joint_one(batch: Any) -> None:
    """This holds as long as no parameter moves in between."""
    both, apart = small(), small(discriminator_updates=3)
    params, state = jax.jit(both.init)(jax.random.key(1), batch)

    @jax.jit
    def joint(params: Any, state: Any) -> Any:
        return player_gradients(both.objective, PLAYERS, params, state, None, batch, CONTEXT)

    @jax.jit
    def in_turn(params: Any, state: Any) -> Any:
        gradients, player_losses, metrics = {}, {}, {}
        for update in apart.updates:
            found, loss, aux = player_gradients(
                update.objective, update.players, params, state, None, batch, CONTEXT
            )
            state = aux.state
            gradients, player_losses = gradients | found, player_losses | loss
            metrics = metrics | aux.metrics
        return gradients, player_losses, metrics, state

    assert [(u.players, u.repeats) for u in apart.updates] == [
        (("discriminator",), 3),
        (("generator",), 1),
    ]
    iterate = jax.jit(partial(advance, players=PLAYERS))
    for _ in range(100):  # until the vectors have converged
        state = iterate(params, state)
    gradients, expected, aux = joint(params, state)
    found_gradients, found, metrics, after = in_turn(params, state)
    assert largest_gap(found, expected) < 1e-4
    assert largest_gap(found_gradients, gradients) < 1e-3
    assert metrics.keys() == aux.metrics.keys()
    assert largest_gap(after, aux.state) < 1e-4


def test_each_player_advances_its_own_vectors(batch: Any) -> None:
    params, state = jax.jit(small().init)(jax.random.key(1), batch)
    for mover, still in zip(PLAYERS, reversed(PLAYERS), strict=True):
        after = jax.jit(advance, static_argnums=2)(params, state, (mover,))
        assert largest_gap(after[mover], state[mover]) > 1e-3
        assert largest_gap(after[still], state[still]) == 0


def test_perceptual_layers_are_weighted(rng: np.random.Generator) -> None:
    layers = {
        name: {
            part: np.float32(rng.normal(0, np.sqrt(2 / np.prod(parts["kernel"][:-1])), shape))
            for part, shape in parts.items()
        }
        for name, parts in layer_shapes().items()
    }
    weights = Vgg19Weights(layers, "keras")
    target, fake = rng.uniform(-1, 1, (2, 1, 16, 16, 3)).astype(np.float32)
    layer_weights = {"block1_conv2": 0.5, "block3_conv1": 2.0, "block4_conv2": 0.0}
    gan = CineGan(
        ResUnetGenerator(), PatchDiscriminator(), LossWeights(), "", perceptual_layers=layer_weights
    )
    assert set(gan.perceptual_layers) == {"block1_conv2", "block3_conv1"}
    found = jax.jit(gan.perceptual_distance)(weights, target, fake)
    expected = 0.0
    for name, weight in gan.perceptual_layers.items():
        of_target, of_fake = (Features(weights, jnp.float32, (name,))(x) for x in (target, fake))
        expected += weight * losses.l1(of_target[name], of_fake[name])
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_a_perceptual_term_without_layers_is_refused() -> None:
    settings = {"perceptual_layers.block4_conv2": 0.0}
    with pytest.raises(UserError, match=r"losses.perceptual=2.0 needs a weight .*block1_conv1, "):
        build_family(runs.config_of(settings))
    build_family(runs.config_of({**settings, "losses.perceptual": 0.0}))
