"""Eight devices take the step of one where batch norm looks at the whole batch."""

import functools
from functools import partial
from typing import Any

import flax.linen
import jax
import numpy as np
import pytest
from agreement import largest_gap

from cinegan_jax.families.adversarial import Adversarial
from cinegan_jax.families.alternating import AlternatingGan
from cinegan_jax.nets import dcgan, image_gan
from cinegan_jax.training.gradients import metric_names
from cinegan_jax.training.optimizers import AdamSettings, cadence_of, make_adam
from cinegan_jax.training.partitioner import Partitioner
from cinegan_jax.training.partitioning import MeshJit, make_partitioner
from cinegan_jax.training.pmap import Pmap
from cinegan_jax.training.state import TrainState, init_state
from cinegan_jax.training.step import StepSettings, make_train_step

pytestmark = pytest.mark.agreement

SIZE, Z, IMAGES = 16, 5, 16
LOGISTIC = Adversarial(loss="logistic")
EVERYTHING = Adversarial(
    loss="logistic",
    label_smoothing=0.1,
    label_flips=0.2,
    noise=0.1,
    augment="colour,translation,cutout",
    r1=0.1,
    r1_every=2,
    generator_updates=2,
)
FAMILIES = {
    "dcgan": AlternatingGan(
        dcgan.DcganGenerator(SIZE, 4), dcgan.DcganDiscriminator(4), Z, LOGISTIC
    ),
    "image_gan": AlternatingGan(
        image_gan.ImageGanGenerator(SIZE, 4), image_gan.ImageGanDiscriminator(4), Z, LOGISTIC
    ),
    "all stabilisers": AlternatingGan(
        dcgan.DcganGenerator(SIZE, 4), dcgan.DcganDiscriminator(4), Z, EVERYTHING
    ),
    "replica": AlternatingGan(
        dcgan.DcganGenerator(SIZE, 4), dcgan.DcganDiscriminator(4), Z, LOGISTIC, "replica"
    ),
}
PARTITIONINGS = {
    "jit": lambda: make_partitioner("jit", 1, False),
    "pmap, 8": lambda: Pmap(),
    "pjit, 8": lambda: MeshJit(shard_optimizer=True),
}
STEPS = 4


@pytest.fixture(autouse=True)
def smooth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Curves for kinks, as in `test_parallel`."""

    def leaky_relu(x: jax.Array, negative_slope: float) -> jax.Array:
        return negative_slope * x + (1 - negative_slope) * jax.nn.softplus(x)

    monkeypatch.setattr(flax.linen, "relu", jax.nn.softplus)
    monkeypatch.setattr(flax.linen, "leaky_relu", leaky_relu)


def batches(family: AlternatingGan) -> list[dict[str, np.ndarray]]:
    """Return the same batches at each call; the levels of their images differ."""
    rng = np.random.default_rng(1)
    count = IMAGES * max(update.repeats for update in family.updates)
    levels = rng.integers(0, 200, (STEPS, count, 1, 1, 1))
    images = levels + rng.integers(0, 56, (STEPS, count, SIZE, SIZE, 3))
    return [{"target": target.astype(np.uint8)} for target in images]


@functools.cache
def stepped(name: str, partitioning: str) -> tuple[TrainState, TrainState]:
    """The fresh state, and that after some steps."""
    family, target = FAMILIES[name], batches(FAMILIES[name])[0]
    optimizers = {
        player: make_adam(
            AdamSettings(5e-5, epsilon=1e-3), STEPS, cadence_of(player, family.updates)
        )
        for player in ("generator", "discriminator")
    }
    init = partial(init_state, family, optimizers, metric_names(family, None, target), 0)
    fresh = jax.jit(lambda: init({"target": target["target"][:1]}, True))()
    over: Partitioner = PARTITIONINGS[partitioning]()
    make = partial(make_train_step, family, optimizers, StepSettings(ema_decay=0.9))
    step, state = over.compile(make, fresh), over.place_state(fresh)
    for batch in batches(family):
        state = step(state, None, over.place_batch(batch))
    return fresh, jax.device_get(over.to_save(state))


@pytest.mark.parametrize("partitioning", ["pmap, 8", "pjit, 8"])
@pytest.mark.parametrize(
    "name",
    [
        name if name == "dcgan" else pytest.param(name, marks=pytest.mark.slow)
        for name in ("dcgan", "image_gan", "all stabilisers")
    ],
)
def test_eight_devices_take_the_step_of_one(name: str, partitioning: str) -> None:
    fresh, alone = stepped(name, "jit")
    spread = stepped(name, partitioning)[1]
    assert largest_gap(alone.params, fresh.params) > 1e-4
    assert largest_gap(alone.model_state, fresh.model_state) > 1e-2
    # With beta1 = 0 Adam's first moment is the gradient.
    for part in ("optimizers", "params", "ema", "model_state", "window"):
        assert largest_gap(getattr(spread, part), getattr(alone, part)) < 1e-5, part


def test_replicas_of_their_own_take_other_steps_that_all_agree_on() -> None:
    _, whole = stepped("dcgan", "jit")
    _, apart = stepped("replica", "pmap, 8")
    assert largest_gap(apart.model_state, whole.model_state) > 1e-4
    finite: Any = jax.tree.map(lambda leaf: np.isfinite(leaf).all(), apart.params)
    assert all(jax.tree.leaves(finite))
