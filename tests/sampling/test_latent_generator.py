import dataclasses
import json
from pathlib import Path

import jax
import numpy as np
import pytest
import runs
from toy_latent_family import ToyLatentFamily

from cinegan_jax.core.errors import UserError
from cinegan_jax.families.registry import build_family
from cinegan_jax.inference.run_networks import WorkdirNetworks
from cinegan_jax.sampling.latent_generator import LatentGenerator, open_generator


@pytest.fixture(scope="module")
def generator(latent_run: Path) -> LatentGenerator:
    return open_generator(latent_run, seed=7)


def test_images_equal_those_of_the_family_with_the_same_key(generator: LatentGenerator) -> None:
    networks = generator.networks
    batch = {"target": np.zeros((5, 32, 32, 3), np.uint8)}
    signed = generator.family.generate(networks.params, networks.state, batch, jax.random.key(7))
    levels = (np.asarray(signed, np.float64) + 1) * 127.5
    made = generator.decode(generator.latents(np.arange(5)))
    assert made.dtype == np.uint8
    np.testing.assert_allclose(made, levels, atol=0.5001)
    assert made.std(axis=0).mean() > 10


def test_an_image_does_not_depend_on_the_others(generator: LatentGenerator) -> None:
    many = generator.decode(generator.latents(np.arange(150)))
    few = generator.decode(generator.latents(np.arange(3)))
    np.testing.assert_array_equal(few, many[:3])
    later = generator.decode(generator.latents(np.arange(140, 150)))
    np.testing.assert_array_equal(later, many[140:])
    other = dataclasses.replace(generator, seed=8)
    assert np.abs(other.latents(np.arange(3)) - generator.latents(np.arange(3))).min() > 0


def test_scores_equal_those_of_the_discriminator(
    generator: LatentGenerator, rng: np.random.Generator
) -> None:
    images = rng.integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    discriminators = jax.tree.map(np.asarray, generator.networks.params["discriminator"])
    seen = images / 127.5 - 1
    expected = np.mean(seen * discriminators["weights"], axis=(1, 2, 3)) + discriminators["bias"]
    np.testing.assert_allclose(generator.judge(images), expected, atol=1e-5)


def test_truncation_is_that_of_the_family(generator: LatentGenerator) -> None:
    truncated = dataclasses.replace(generator, truncation=0.5)
    latents = truncated.latents(np.arange(100))
    assert 0.4 < np.abs(latents).max() <= 0.5
    none = dataclasses.replace(truncated, family=ToyLatentFamily(truncates=False))
    with pytest.raises(UserError, match=r"truncation=0\.5: this family has none"):
        none.latents(np.arange(2))


@pytest.mark.parametrize(("which", "step"), [("newest", 6), ("best", 4), (2, 2)])
def test_the_requested_step_with_averaged_networks(
    latent_run: Path, which: int | str, step: int
) -> None:
    found = open_generator(latent_run, which).networks
    assert isinstance(found, WorkdirNetworks)
    assert found.step == step
    shapes = {"target": jax.ShapeDtypeStruct((1, 32, 32, 3), np.uint8)}
    averaged, trained = (
        ToyLatentFamily().init(jax.random.key(n + step), shapes) for n in (1000, 0)
    )
    for player, variables in (("generator", averaged), ("discriminator", trained)):
        jax.tree.map(np.testing.assert_array_equal, found.params[player], variables.params[player])


def test_other_folders_and_families_are_refused(tmp_path: Path, latent_run: Path) -> None:
    with pytest.raises(UserError, match=r"has no config\.json"):
        open_generator(tmp_path)
    with pytest.raises(UserError, match=r"no checkpoint of step 3; it has those of 2, 4, 6\."):
        open_generator(latent_run, 3)
    (tmp_path / "config.json").write_text(json.dumps(runs.config_of(runs.TOY).to_dict()))
    with pytest.raises(UserError, match=r"'toy', which develops photos .* use `cinegan apply"):
        open_generator(tmp_path)


def test_an_image_of_dcgan_does_not_depend_on_the_others() -> None:
    """Its layers normalise with running statistics, not with those of the batch."""
    settings = {"data.size": 32, "generator.width": 4, "discriminator.width": 4}
    family = build_family(runs.config_of(settings, "dcgan_64"))
    batch = {"target": jax.ShapeDtypeStruct((1, 32, 32, 3), np.uint8)}
    params, state = family.init(jax.random.key(0), batch)
    params = jax.tree.map(lambda leaf: 4 * leaf, params)  # new networks give almost uniform grey
    generator = LatentGenerator(family, WorkdirNetworks(params, state, 0))
    many, few = (generator.decode(generator.latents(np.arange(count))) for count in (130, 3))
    assert many.shape == (130, 32, 32, 3)
    assert many.std(axis=0).mean() > 10
    np.testing.assert_array_equal(few, many[:3])
    np.testing.assert_array_equal(generator.judge(few), generator.judge(many)[:3])
