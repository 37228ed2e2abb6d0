"""Families whose players alternate, compared with PyTorch step by step."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax
import pytest
import runs
from agreement import largest_gap

from cinegan_jax.core.errors import UserError
from cinegan_jax.families.adversarial import stream
from cinegan_jax.families.alternating import AlternatingGan
from cinegan_jax.families.api import example_keys, makes_from_latents, step_context
from cinegan_jax.families.game import Adversarial
from cinegan_jax.families.registry import build_family
from cinegan_jax.nets.dcgan import DcganDiscriminator, DcganGenerator
from cinegan_jax.ops.images import to_signed
from cinegan_jax.training.gradients import metric_names
from cinegan_jax.training.state import init_state
from cinegan_jax.training.step import StepSettings, make_train_step

pytestmark = pytest.mark.agreement

SIZE, Z, BATCH, WIDTH = 16, 6, 4, 4
LOGISTIC = Adversarial(loss="logistic")


def family_of(settings: Adversarial = LOGISTIC) -> AlternatingGan:
    return AlternatingGan(DcganGenerator(SIZE, WIDTH), DcganDiscriminator(WIDTH), Z, settings)


@pytest.fixture
def batch(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {"target": rng.integers(0, 256, (2 * BATCH, SIZE, SIZE, 3), np.uint8)}


def test_a_player_s_statistics_advance_where_it_moves(batch: dict[str, np.ndarray]) -> None:
    """The discriminator's statistics at the real images and then at the generated ones."""
    family = family_of()
    params, state = jax.jit(family.init)(jax.random.key(0), batch)
    context = step_context(0, jax.random.key(1), 2 * BATCH)
    _, of_discriminator = jax.jit(family.discriminator_objective)(
        params, state, None, batch, context
    )
    assert largest_gap(of_discriminator.state["generator"], state["generator"]) == 0
    statistics = state["discriminator"]
    for images in (to_signed(batch["target"]), of_discriminator.generated):
        variables = {"params": params["discriminator"], "batch_stats": statistics}
        replicas = family._replicas(context)
        _, after = family.discriminator.apply(variables, images, replicas, mutable=["batch_stats"])
        assert largest_gap(after["batch_stats"], statistics) > 0.01
        statistics = after["batch_stats"]
    assert largest_gap(of_discriminator.state["discriminator"], statistics) < 1e-5
    _, of_generator = jax.jit(family.generator_objective)(params, state, None, batch, context)
    assert largest_gap(of_generator.state["discriminator"], state["discriminator"]) == 0
    assert largest_gap(of_generator.state["generator"], state["generator"]) > 1e-3


def test_latents_are_normal_and_truncated_alike() -> None:
    family, keys = family_of(), example_keys(jax.random.key(3), 3000)
    free, bounded = family.latents(keys), family.latents(keys, 0.7)
    assert free.shape == (3000, Z)
    assert free.dtype == jnp.float32
    assert abs(float(free.mean())) < 0.03
    assert float(free.std()) == pytest.approx(1, abs=0.03)
    assert 0.6 < float(jnp.abs(bounded).max()) <= 0.7
    # The order of one key's entries is the same, so truncation keeps the content of an image.
    np.testing.assert_array_equal(jnp.argsort(free[:50].ravel()), jnp.argsort(bounded[:50].ravel()))
    np.testing.assert_array_equal(family.latents(keys[7:9]), free[7:9])
    with pytest.raises(UserError, match=r"truncation=-1 must be a number, 0 or more"):
        family.latents(keys, -1)


def test_each_image_depends_on_its_own_key_alone(
    batch: dict[str, np.ndarray],
) -> None:
    family = family_of()
    assert makes_from_latents(family)
    params, state = jax.jit(family.init)(jax.random.key(0), batch)
    key = jax.random.key(5)
    images = jax.jit(family.generate)(params, state, batch, key)
    assert images.shape == batch["target"].shape
    assert jnp.abs(images).max() <= 1
    third = family.latents(jax.random.fold_in(key, 3)[None])
    np.testing.assert_allclose(family.decode(params, state, third)[0], images[3], atol=1e-6)
    logits = jax.jit(family.judge)(params, state, images)
    assert logits.shape == (2 * BATCH,)
    np.testing.assert_allclose(family.judge(params, state, images[3:4]), logits[3:4], atol=1e-5)


def test_diagnostics_are_accuracies_and_margins(batch: dict[str, np.ndarray]) -> None:
    family = family_of(Adversarial(loss="least_squares"))
    params, state = jax.jit(family.init)(jax.random.key(0), batch)
    context = step_context(0, jax.random.key(1), 2 * BATCH)
    losses, aux = jax.jit(family.discriminator_objective)(params, state, None, batch, context)
    variables = {"params": params["discriminator"], "batch_stats": state["discriminator"]}
    apply = partial(family.discriminator.apply, mutable=["batch_stats"])
    real, fake = (
        np.asarray(apply(variables, images, family._replicas(context))[0])
        for images in (to_signed(batch["target"]), aux.generated)
    )
    assert losses["discriminator"] == pytest.approx(
        ((real - 1) ** 2).mean() / 2 + (fake**2).mean() / 2
    )
    wanted = {
        "discriminator/accuracy_real": (real > 0.5).mean(),
        "discriminator/accuracy_fake": (fake < 0.5).mean(),
        "discriminator/margin_real": real.mean() - 0.5,
        "discriminator/margin_fake": 0.5 - fake.mean(),
    }
    assert aux.diagnostics.keys() == wanted.keys()
    for name, value in wanted.items():
        assert aux.diagnostics[name] == pytest.approx(value, abs=1e-6), name


def latents_of(family: AlternatingGan, state: Any, update: int, repeat: int = 0) -> np.ndarray:
    """Return the latents that an update of a step draws."""
    key = jax.random.fold_in(jax.random.wrap_key_data(state.key), state.step)
    key = jax.random.fold_in(jax.random.fold_in(key, update), repeat)
    return np.array(family.latents(stream(example_keys(key, BATCH), "latents")))


def test_steps_match_pytorch(batch: dict[str, np.ndarray]) -> None:
    """A step has two discriminator updates, then the generator's, with smoothed labels and SGD."""
    torch = pytest.importorskip("torch", reason="needs PyTorch")
    import dcgan_in_torch

    family = family_of(Adversarial(loss="logistic", label_smoothing=0.1, discriminator_updates=2))
    there = {
        "generator": dcgan_in_torch.generator(SIZE, Z, WIDTH),
        "discriminator": dcgan_in_torch.discriminator(SIZE, WIDTH),
    }
    optimizers = dict.fromkeys(there, optax.sgd(0.05))
    names = metric_names(family, None, batch)
    state = jax.jit(partial(init_state, family, optimizers, names, 0, batch, False))()
    params = {player: dcgan_in_torch.params_of(network) for player, network in there.items()}
    state = state.replace(params=jax.tree.map(jnp.array, params))
    step = jax.jit(make_train_step(family, optimizers, StepSettings()))
    movers = {p: torch.optim.SGD(network.parameters(), 0.05) for p, network in there.items()}
    loss = torch.nn.BCEWithLogitsLoss()

    def fake_of(update: int, repeat: int = 0) -> Any:
        latents = torch.from_numpy(latents_of(family, state, update, repeat))
        return there["generator"](latents[:, :, None, None])

    def loss_of(images: Any, label: float) -> Any:
        logits = there["discriminator"](images)
        return loss(logits, torch.full_like(logits, label))

    for _ in range(2):
        for repeat in range(2):
            real = torch.from_numpy(np.array(to_signed(batch["target"][repeat::2])))
            movers["discriminator"].zero_grad()
            fake = fake_of(0, repeat).detach()
            (loss_of(real.movedim(-1, 1), 0.9) + loss_of(fake, 0.0)).backward()
            movers["discriminator"].step()
        movers["generator"].zero_grad()
        loss_of(fake_of(1), 1.0).backward()
        movers["generator"].step()
        state = step(state, None, batch)
    wanted = {player: dcgan_in_torch.params_of(network) for player, network in there.items()}
    assert largest_gap(params, wanted) > 1e-3
    assert largest_gap(state.params, wanted) < 1e-5


def test_r1_matches_pytorch(batch: dict[str, np.ndarray]) -> None:
    """R1 needs the gradient of a gradient, through batch norm."""
    torch = pytest.importorskip("torch", reason="needs PyTorch")
    import dcgan_in_torch

    family = family_of(Adversarial(loss="logistic", r1=0.3, r1_every=4))
    discriminator = dcgan_in_torch.discriminator(SIZE, WIDTH)
    params = {"discriminator": dcgan_in_torch.params_of(discriminator)}
    state = {"discriminator": dcgan_in_torch.statistics_of(discriminator)}
    real = torch.from_numpy(np.array(to_signed(batch["target"]))).movedim(-1, 1)
    slopes = torch.autograd.grad(
        discriminator(real.requires_grad_()).sum(), real, create_graph=True
    )[0]
    penalty = 0.3 / 2 * 4 * slopes.square().sum((1, 2, 3)).mean()
    penalty.backward()
    context = step_context(0, jax.random.key(1), 2 * BATCH)

    @jax.jit
    @jax.value_and_grad
    def r1(discriminators: Any) -> Any:
        return family.r1_objective({"discriminator": discriminators}, state, None, batch, context)[
            0
        ]["discriminator"]

    found, gradient = r1(params["discriminator"])
    assert found == pytest.approx(penalty.item(), rel=1e-4)
    wanted = dcgan_in_torch.params_of(
        discriminator, lambda p: torch.zeros_like(p) if p.grad is None else p.grad
    )
    largest = max(np.abs(leaf).max() for leaf in jax.tree.leaves(wanted))
    assert largest_gap(gradient, wanted) < 1e-4 * largest


def test_each_stabiliser_changes_the_losses_it_should(batch: dict[str, np.ndarray]) -> None:
    """Noise and augmentation change both players' losses, labels the discriminator's alone."""
    context = step_context(0, jax.random.key(1), 2 * BATCH)
    params, state = jax.jit(family_of().init)(jax.random.key(0), batch)

    def losses(**settings: Any) -> list[float]:
        family = family_of(Adversarial(loss="logistic", **settings))
        objectives = (family.discriminator_objective, family.generator_objective)
        found = [objective(params, state, None, batch, context)[0] for objective in objectives]
        return [float(next(iter(each.values()))) for each in found]

    plain = losses()
    for settings in ({"noise": 0.3}, {"augment": "colour,translation,cutout"}):
        assert not np.isclose(losses(**settings), plain, atol=1e-4).any(), settings
    for settings in ({"label_smoothing": 0.1}, {"label_flips": 0.5}):
        discriminators, generator = np.isclose(losses(**settings), plain, atol=1e-4)
        assert not discriminators, settings
        assert generator, settings


def test_accumulation_keeps_the_statistics_of_the_last_part(batch: dict[str, np.ndarray]) -> None:
    family, optimizers = family_of(), {p: optax.sgd(0.0) for p in ("generator", "discriminator")}
    names = metric_names(family, None, batch)
    state = jax.jit(partial(init_state, family, optimizers, names, 0, batch, True))()
    settings = StepSettings(accumulate_steps=2, ema_decay=0.5)
    after = jax.jit(make_train_step(family, optimizers, settings))(state, None, batch)
    key = jax.random.fold_in(jax.random.wrap_key_data(state.key), 0)
    context = step_context(0, jax.random.fold_in(jax.random.fold_in(key, 0), 0), BATCH, first=BATCH)
    last = {"target": batch["target"][BATCH:]}
    _, aux = jax.jit(family.discriminator_objective)(
        state.params, state.model_state, None, last, context
    )
    assert largest_gap(after.model_state["discriminator"], aux.state["discriminator"]) < 1e-5
    assert after.ema.keys() == {"generator"}


DCGAN = {"data.size": 32, "generator.width": 4, "discriminator.width": 4}


def config_of(settings: dict[str, Any], name: str = "dcgan_64") -> ml_collections.ConfigDict:
    return runs.config_of(settings, name)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"data.size": 48}, r"config.data.size=48 must be a power of two"),
        ({"data.size": 4}, r"config.data.size=4 must be 32 or more"),
        ({"generator.latent_size": 0}, r"config.generator.latent_size=0 must be 1 or more"),
        ({"discriminator.width": 0}, r"config.discriminator.width=0 must be 1 or more"),
        ({"batch_norm": "local"}, r"config.batch_norm='local' is not one of global, replica"),
        (
            {"batch_norm": "replica", "parallelism": "pjit"},
            r"batch_norm='replica' needs config.parallelism='pmap', not 'pjit'",
        ),
        ({"spatial": 2, "parallelism": "pjit"}, r"spatial=2 splits the rows of large images"),
        ({"precision": "f16"}, r"precision='f16' is not one of bf16, f32"),
        ({"adversarial.loss": "wgan"}, r"loss='wgan' is not one of hinge"),
        ({"family": "stylegan"}, r"family='stylegan' is not one of cinegan, dcgan, image_gan"),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        build_family(config_of({**DCGAN, **settings}))


def test_families_are_built_from_their_configs() -> None:
    family = build_family(config_of({"batch_norm": "replica", "parallelism": "pmap"}))
    assert isinstance(family, AlternatingGan)
    assert (family.generator, family.discriminator) == (
        DcganGenerator(64, 100),
        DcganDiscriminator(100),
    )
    assert (family.latent_size, family.batch_norm) == (100, "replica")
    assert [update.players for update in family.updates] == [
        ("discriminator",),
        ("generator",),
        ("discriminator",),
    ]
    assert [update.name for update in family.updates] == ["", "", "r1"]
    turns = {
        "adversarial.discriminator_updates": 3,
        "adversarial.generator_updates": 2,
        "adversarial.r1": 0.0,
    }
    image_gan = build_family(config_of(turns, "image_gan_64"))
    assert [update.repeats for update in image_gan.updates] == [3, 2]
    with pytest.raises(UserError, match=r"config.capacity=0 must be 1 or more"):
        build_family(config_of({"capacity": 0}, "image_gan_64"))
