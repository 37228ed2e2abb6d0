"""Three partitionings, one answer: the same step on one device, replicas, and meshes."""

import functools
from functools import partial

import flax.linen
import jax
import numpy as np
import pytest
from agreement import largest_gap

from cinegan_jax.core.errors import UserError
from cinegan_jax.families.adversarial import Adversarial
from cinegan_jax.families.cinegan import CineGan, LossWeights
from cinegan_jax.nets.patchgan import PatchDiscriminator
from cinegan_jax.nets.res_unet import ResUnetGenerator
from cinegan_jax.training.gradients import metric_names
from cinegan_jax.training.optimizers import AdamSettings, cadence_of, make_adam
from cinegan_jax.training.partitioner import Partitioner
from cinegan_jax.training.partitioning import MeshJit, make_partitioner
from cinegan_jax.training.pmap import Pmap
from cinegan_jax.training.state import TrainState, init_state, networks_of
from cinegan_jax.training.step import StepSettings, make_train_step

pytestmark = pytest.mark.agreement

PAIRS, SIZE = 8, 64
FAMILY = CineGan(
    ResUnetGenerator(width=4, num_blocks=1),
    PatchDiscriminator(width=4),
    LossWeights(feature_matching=1.0, perceptual=0.0, total_variation=0.1, l1=1.0),
    "",
)
OPTIMIZERS = {player: make_adam(AdamSettings(5e-5), 1) for player in ("generator", "discriminator")}
SETTINGS = StepSettings(ema_decay=0.9, accumulate_steps=1)
IMAGES = jax.ShapeDtypeStruct((PAIRS, SIZE, SIZE, 3), np.uint8)
SHAPES = {"input": IMAGES, "target": IMAGES}


@pytest.fixture(autouse=True)
def smooth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace ReLU and the absolute value by smooth functions.

    Near a kink, the rounding of one step may become a real difference in the next gradients.
    """

    def leaky_relu(x: jax.Array, negative_slope: float) -> jax.Array:
        return negative_slope * x + (1 - negative_slope) * jax.nn.softplus(x)

    monkeypatch.setattr(flax.linen, "relu", jax.nn.softplus)
    monkeypatch.setattr(flax.linen, "leaky_relu", leaky_relu)
    monkeypatch.setattr(jax.nn, "relu", jax.nn.softplus)
    monkeypatch.setattr(jax.numpy, "abs", lambda x: jax.numpy.sqrt(x * x + 1e-4))


@functools.cache
def fresh() -> TrainState:
    names = metric_names(FAMILY, None, SHAPES)
    return jax.jit(partial(init_state, FAMILY, OPTIMIZERS, names, 0, SHAPES, True))()


def batches(count: int) -> list[dict[str, np.ndarray]]:
    """The same at each call."""
    rng = np.random.default_rng(1)
    return [
        {name: rng.integers(0, 256, IMAGES.shape, np.uint8) for name in SHAPES}
        for _ in range(count)
    ]


def stepped(partitioning: Partitioner) -> TrainState:
    """The state after five steps from the fresh one."""
    step = partitioning.compile(partial(make_train_step, FAMILY, OPTIMIZERS, SETTINGS), fresh())
    state = partitioning.place_state(fresh())
    for batch in batches(5):
        state = step(state, None, partitioning.place_batch(batch))
    return jax.device_get(partitioning.to_save(state))


@functools.cache
def reference() -> TrainState:
    return stepped(make_partitioner("jit", 1, False))


def generated(state: TrainState) -> jax.Array:
    networks = networks_of(state)
    return jax.jit(FAMILY.generate)(*networks, batches(1)[0], jax.random.key(0))


PARTITIONINGS = {
    "pmap, 2": lambda: Pmap(jax.devices()[:2]),
    "pmap, 8": lambda: Pmap(),
    "pjit, 2": lambda: MeshJit(jax.devices()[:2]),
    "pjit, 8": lambda: MeshJit(),
    "pjit, 4 x 2 rows": lambda: MeshJit(spatial=2),
    "pjit, 4 x 2 rows, optimizer spread": lambda: MeshJit(spatial=2, shard_optimizer=True),
}


OFTEN = ("pmap, 8", "pjit, 8", "pjit, 4 x 2 rows, optimizer spread")


@pytest.mark.parametrize(
    "name",
    [
        name if name in OFTEN else pytest.param(name, marks=pytest.mark.slow)
        for name in PARTITIONINGS
    ],
)
def test_three_partitionings_one_answer(name: str) -> None:
    state = stepped(PARTITIONINGS[name]())
    # With beta1 = 0 Adam's first moment is the gradient.
    assert largest_gap(state.optimizers, reference().optimizers) < 1e-5
    assert largest_gap(state.params, reference().params) < 1e-5
    assert largest_gap(state.ema, reference().ema) < 1e-5
    assert largest_gap(state.model_state, reference().model_state) < 1e-5
    assert largest_gap(state.window, reference().window) < 1e-5
    np.testing.assert_allclose(generated(state), generated(reference()), atol=1e-5)


EVERYTHING = Adversarial(
    loss="logistic",
    label_smoothing=0.1,
    label_flips=0.2,
    noise=0.1,
    noise_steps=10,
    augment="colour,translation,cutout",
    r1=0.01,
    r1_every=2,
    discriminator_updates=2,
)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pmap, 2", "pjit, 4 x 2 rows, optimizer spread"])
def test_all_stabilisers_together_are_the_same_on_all_partitionings(name: str) -> None:
    weights = LossWeights(feature_matching=1.0, perceptual=0.0, lab=0.1, histogram=1.0)
    family = CineGan(
        ResUnetGenerator(width=4, num_blocks=1),
        PatchDiscriminator(width=4),
        weights,
        "",
        EVERYTHING,
    )
    shapes = {n: jax.ShapeDtypeStruct((2 * PAIRS, SIZE, SIZE, 3), np.uint8) for n in SHAPES}
    optimizers = {
        player: make_adam(AdamSettings(5e-5), 10, cadence_of(player, family.updates))
        for player in OPTIMIZERS
    }
    names = metric_names(family, None, shapes)
    init = partial(init_state, family, optimizers, names, 0, shapes, True)
    fresh = jax.jit(init)()
    settings = StepSettings(ema_decay=0.9, ema_warmup=True)
    rng, ends = np.random.default_rng(1), []
    pairs = [{n: rng.integers(0, 256, x.shape, np.uint8) for n, x in shapes.items()} for _ in "123"]
    for partitioning in (make_partitioner("jit", 1, False), PARTITIONINGS[name]()):
        step = partitioning.compile(partial(make_train_step, family, optimizers, settings), fresh)
        state = partitioning.place_state(fresh)
        for batch in pairs:
            state = step(state, None, partitioning.place_batch(batch))
        ends.append(jax.device_get(partitioning.to_save(state)))
    alone, spread = ends
    assert largest_gap(alone.params, fresh.params) > 1e-5
    for part in ("params", "ema", "model_state"):
        assert largest_gap(getattr(spread, part), getattr(alone, part)) < 1e-4, part
    for metric, value in alone.window.sums.items():
        assert spread.window.sums[metric] == pytest.approx(float(value), rel=1e-3, abs=1e-4), metric


def test_five_steps_go_somewhere() -> None:
    """Without a real change, all partitionings would agree trivially."""
    assert largest_gap(fresh().params, reference().params) > 1e-4


def test_spread_arrays_take_their_share_of_memory() -> None:
    partitioning = MeshJit(spatial=2, shard_optimizer=True)
    placed = partitioning.place_state(fresh())
    kernel = placed.optimizers["generator"][0].nu["block1"]["conv"]["kernel"]
    assert kernel.addressable_shards[0].data.size * 4 == kernel.size
    assert placed.params["generator"]["block1"]["conv"]["kernel"].is_fully_replicated
    step = partitioning.compile(partial(make_train_step, FAMILY, OPTIMIZERS, SETTINGS), fresh())
    moved = step(placed, None, partitioning.place_batch(batches(1)[0]))
    after = moved.optimizers["generator"][0].nu["block1"]["conv"]["kernel"]
    assert after.sharding.is_equivalent_to(kernel.sharding, kernel.ndim)


def test_rows_of_an_image_are_split_over_the_spatial_axis() -> None:
    placed = MeshJit(spatial=2).place_batch(batches(1)[0])["input"]
    assert {shard.data.shape for shard in placed.addressable_shards} == {(2, SIZE // 2, SIZE, 3)}


def test_a_spatial_axis_that_does_not_divide_the_devices_is_named() -> None:
    with pytest.raises(UserError, match="spatial=3 does not divide the 8 devices"):
        make_partitioner("pjit", 3, False)


def test_batches_must_be_divisible() -> None:
    assert MeshJit(spatial=2).per_device(16) == 4
    with pytest.raises(UserError, match="batch_size=6 cannot be divided over 4 devices"):
        MeshJit(spatial=2).per_device(6)
