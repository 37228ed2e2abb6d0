"""Each failure, driven in really trained small GANs: its alarm is raised; in health, none."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import runs
from PIL import Image

from cinegan_jax import losses
from cinegan_jax.data.pipeline import TrainBatches
from cinegan_jax.families.cinegan import CineGan
from cinegan_jax.training.run import Run
from cinegan_jax.training.train import run_training

SMALL = {
    **runs.TINY,
    "parallelism": "jit",
    "num_steps": 30,
    "generator.residual": True,
    "generator.colour_path": 8,
    "losses.l1": 20.0,
    "optimizers.generator.learning_rate": 4e-3,
    "optimizers.generator.warmup_steps": 5,
    "optimizers.generator.beta1": 0.5,
    "optimizers.discriminator.beta1": 0.5,
    "ema_decay": 0.9,
    "log_every_steps": 10,
    "evaluate_every_steps": 30,
    "sample_every_steps": 30,
    "checkpoint_every_steps": 30,
    "health.every_steps": 1,  # so that only one program is compiled
    "health.grace_steps": 10,
    "health.stalled_input.wait_share": 0.9,  # a busy machine may load slowly
}

FAST_DISCRIMINATOR = {
    "generator.residual": False,
    "generator.colour_path": 0,
    "losses.l1": 0.0,
    "optimizers.generator.learning_rate": 5e-5,
    "optimizers.discriminator.learning_rate": 100 * 1e-4,
}
"""The published losses and rates, but 100 times that of the discriminators. Where there is L1, the
generator of `SMALL` soon leaves discriminators nothing to see."""


@pytest.fixture(scope="module")
def look(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Settings that name pairs of smooth images and the same in warm, dark tones."""
    folder, rng = tmp_path_factory.mktemp("look"), np.random.default_rng(5)
    for split, count in (("train", 48), ("test", 2)):
        for side in ("input", "Warm"):
            (folder / split / side).mkdir(parents=True)
        for number in range(count):
            blocks = Image.fromarray(rng.integers(0, 256, (4, 4, 3), np.uint8))
            photo = np.asarray(blocks.resize((40, 36), Image.Resampling.BICUBIC)) / 255
            for side, image in {"input": photo, "Warm": photo ** [1.0, 1.3, 1.6]}.items():
                saved = Image.fromarray(np.uint8(np.round(255 * image)))
                saved.save(folder / split / side / f"{number:03}.png")
    return {**SMALL, "data.path": str(folder), "data.look": "Warm"}


def alarms(workdir: Path, settings: dict[str, Any]) -> set[str]:
    """The rules whose alarms a run raises."""
    assert run_training(Run(runs.config_of(settings)), workdir) == 0
    lines = (workdir / "health.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    checks = [r["step"] for r in records if r["kind"] == "check"]
    assert checks == list(range(1, settings["num_steps"] + 1))
    return {record["rule"] for record in records if record["kind"] == "alarm"}


@pytest.mark.slow
def test_a_healthy_run_raises_none(tmp_path: Path, look: dict[str, Any]) -> None:
    assert alarms(tmp_path / "run", look) == set()


@pytest.mark.slow
def test_a_slow_disk_is_a_stalled_input(
    tmp_path: Path, look: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the limit of 5 %, steps on a busy machine may take up to 5.7 s."""
    draw = TrainBatches.__next__

    def slow(batches: TrainBatches) -> Any:
        time.sleep(0.3)  # the slow disk
        return draw(batches)

    monkeypatch.setattr(TrainBatches, "__next__", slow)
    settings = look | {"health.stalled_input.wait_share": 0.05}
    assert alarms(tmp_path / "run", settings) == {"stalled_input"}


@pytest.mark.slow
def test_a_discriminator_of_a_hundred_times_the_rate_overpowers(
    tmp_path: Path, look: dict[str, Any]
) -> None:
    assert "discriminator_overpowers" in alarms(tmp_path / "run", look | FAST_DISCRIMINATOR)


@pytest.mark.slow
def test_a_generator_that_stands_still_is_seen(tmp_path: Path, look: dict[str, Any]) -> None:
    settings = {**look, "optimizers.generator.learning_rate": 0.0}
    found = alarms(tmp_path / "run", settings)
    assert "generator_gradient_vanishes" in found
    assert found <= {"generator_gradient_vanishes", "discriminator_overpowers", "colour_cast"}


@pytest.mark.slow
def test_a_constant_generator_has_collapsed(
    tmp_path: Path, look: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last kernel is zero for good, and so only its last bias can move: one colour for all."""
    monkeypatch.setattr(CineGan, "_generate", _constant(CineGan._generate))
    settings = {**look, "generator.residual": False}
    found = alarms(tmp_path / "run", settings)
    assert "collapse" in found
    assert found <= {"collapse", "discriminator_overpowers", "colour_cast"}


def _constant(generate: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
    def constant(family: CineGan, params: Any, vectors: Any, photo: jax.Array) -> jax.Array:
        generator = dict(params["generator"])
        generator["output"] = {**generator["output"]}
        generator["output"]["kernel"] = jnp.zeros_like(generator["output"]["kernel"])
        return generate(family, {**params, "generator": generator}, vectors, photo)

    return constant


@pytest.mark.slow
def test_flipped_labels_mislead_the_discriminators(
    tmp_path: Path, look: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = losses.hinge_discriminator
    monkeypatch.setattr(losses, "hinge_discriminator", lambda real, fake: right(fake, real))
    found = alarms(tmp_path / "run", look | FAST_DISCRIMINATOR)
    assert "discriminator_misled" in found
    assert "discriminator_overpowers" not in found


@pytest.mark.slow
def test_an_infinity_in_a_batch_is_non_finite(
    tmp_path: Path, look: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the batch of one step is bad; it moves nothing, and the run goes on."""
    objective = CineGan.objective

    def broken(family: CineGan, *arguments: Any, **settings: Any) -> Any:
        found, aux = objective(family, *arguments, **settings)
        bad = jnp.where(arguments[4].step == 20, jnp.inf, 0.0)
        return {name: loss + bad for name, loss in found.items()}, aux

    monkeypatch.setattr(CineGan, "objective", broken)
    assert alarms(tmp_path / "run", look) == {"non_finite"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rule", "spoil"),
    [
        ("saturation", lambda x: jnp.clip(4 * x, -1, 1)),
        ("blooming", lambda x: jnp.clip(x + 0.8 * jax.nn.sigmoid(20 * (x - 0.1)), -1, 1)),
        ("colour_cast", lambda x: x + jnp.array([0.3, -0.3, 0.0])[None, None, None]),
    ],
)
def test_images_that_go_wrong_are_named(
    tmp_path: Path,
    look: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    rule: str,
    spoil: Callable[[jax.Array], jax.Array],
) -> None:
    """The generator's output is spoilt past what it can undo: its rate is small."""
    generate = CineGan._generate
    monkeypatch.setattr(CineGan, "_generate", lambda *arguments: spoil(generate(*arguments)))
    settings = {**look, "optimizers.generator.learning_rate": 1e-5}
    assert rule in alarms(tmp_path / "run", settings)


@pytest.mark.slow
def test_a_generator_that_is_driven_from_its_targets_diverges(
    tmp_path: Path, look: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The L1 loss, alone among the distances, has the wrong sign."""
    right = losses.l1
    monkeypatch.setattr(losses, "l1", lambda target, fake: -right(target, fake))
    settings = {**look, "losses.feature_matching": 0.0}
    settings["optimizers.generator.learning_rate"] = 2e-2
    assert "divergence" in alarms(tmp_path / "run", settings)


OF_LATENTS = {
    **runs.TINY_OF_LATENTS["dcgan"],
    "batch_size": 16,
    "num_steps": 80,
    "generator.width": 8,
    "discriminator.width": 8,
    "optimizers.generator.learning_rate": 2e-3,
    "optimizers.discriminator.learning_rate": 5e-4,
    "log_every_steps": 80,
    "evaluate_every_steps": 80,
    "sample_every_steps": 80,
    "checkpoint_every_steps": 80,
    "health.every_steps": 1,
    "health.grace_steps": 55,
    "health.stalled_input.action": "off",
}


@pytest.mark.slow
def test_a_healthy_game_over_latents_has_not_collapsed(tmp_path: Path) -> None:
    found = alarms(tmp_path / "run", OF_LATENTS)
    assert found <= {"discriminator_overpowers"}  # which is ahead for a while, and by chance
    assert distances(tmp_path / "run")[-1] > 0.5


@pytest.mark.slow
def test_a_discriminator_that_stands_still_lets_a_game_over_latents_collapse(
    tmp_path: Path,
) -> None:
    """The generator collapses to the one image that the discriminator scores highest."""
    rates = {
        "optimizers.generator.learning_rate": 1e-2,
        "optimizers.discriminator.learning_rate": 0.0,
    }
    assert "collapse" in alarms(tmp_path / "run", OF_LATENTS | rates)
    first, last = distances(tmp_path / "run")[::79]
    assert last < 0.2 < first


def distances(workdir: Path) -> list[float]:
    """Return the distance between outputs at each check, divided by that between real images."""
    records = map(json.loads, (workdir / "health.jsonl").read_text().splitlines())
    return [
        record["diagnostics"]["output/distance_to_targets"]
        for record in records
        if record["kind"] == "check"
    ]
