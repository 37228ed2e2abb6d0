"""Scores and grids of unconditional samples."""

from typing import Any

import jax
import numpy as np
import pytest
import runs
from scipy.special import expit
from toy_latent_family import ToyLatentFamily

from cinegan_jax.core.errors import UserError
from cinegan_jax.data.images import ImageFiles
from cinegan_jax.data.samples import sample_photos
from cinegan_jax.data.shapes import DrawnShapes
from cinegan_jax.families.api import example_keys
from cinegan_jax.metrics.modes import mode_scores
from cinegan_jax.metrics.set_distances import (
    RandomSet,
    random_features_on_devices,
    random_set_scores,
)
from cinegan_jax.ops.images import to_signed, to_uint8
from cinegan_jax.pages.image_grid import CAPTION, GUTTER, image_grid, score_captions
from cinegan_jax.training.held_out import _CHUNK, HeldOutImages
from cinegan_jax.training.run import Run
from cinegan_jax.training.state import Networks

SIZE = 32


def networks(seed: int) -> Networks:
    image = jax.ShapeDtypeStruct((1, SIZE, SIZE, 3), np.uint8)
    family = ToyLatentFamily()
    variables = family.init(jax.random.key(seed), {"target": image})
    bias = {"bias": jax.random.normal(jax.random.key(seed), (SIZE, SIZE, 3)) / 4}
    generator = {**variables.params["generator"], **bias}
    return Networks({**variables.params, "generator": generator}, variables.state)


def make(judged: bool = False, count: int = 100) -> HeldOutImages:
    test = DrawnShapes("test", SIZE)
    return HeldOutImages(ToyLatentFamily(), test, count, SIZE, "crop", judged=judged)


def made(nets: Networks, chunk: int) -> np.ndarray:
    """Generate the images of a chunk with the family's own methods."""
    family = ToyLatentFamily()
    keys = example_keys(jax.random.fold_in(jax.random.key(0), chunk), _CHUNK)
    return np.asarray(to_uint8(family.decode(*nets, family.latents(keys))))


def test_scores_compare_as_many_images_as_are_held_out() -> None:
    """More than are made at a time."""
    test, nets = DrawnShapes("test", SIZE), networks(1)
    places = np.arange(100) + np.random.default_rng(0).random(100)  # one of each ten
    held_out = np.stack([test[i].target for i in (10 * places).astype(int)])
    images = np.concatenate([made(nets, 0), made(nets, 1)])[:100]
    features = random_features_on_devices()
    expected = random_set_scores(RandomSet(features(images)), RandomSet(features(held_out)))
    scores = dict(make().scores(nets))
    assert scores == pytest.approx({**expected, **mode_scores(images)}, rel=1e-4, abs=1e-7)


def test_modes_are_counted_of_drawn_shapes_alone() -> None:
    test = ImageFiles({path.stem: path for path in sample_photos("test")})
    held_out = HeldOutImages(ToyLatentFamily(), test, 4, SIZE, "centre", judged=False)
    assert {name for name, _ in held_out.scores(networks(1))} == {
        "feature_distance",
        "kernel_distance",
    }


def test_every_grid_shows_the_same_latents() -> None:
    held_out = make()
    for seed in (1, 2):
        grid = held_out.grid(networks(seed))
        np.testing.assert_array_equal(grid, image_grid(made(networks(seed), 0), 8))
    np.testing.assert_array_equal(held_out.grid(networks(1)), held_out.grid(networks(1)))


def test_captions_are_the_scores_of_the_discriminator() -> None:
    nets, family = networks(1), ToyLatentFamily()
    images = made(nets, 0)
    shares = expit(np.asarray(family.judge(*nets, to_signed(images))))
    captions = [f"{share:.2f}" for share in shares]
    assert len(set(captions)) > 1
    grid = make(judged=True).grid(nets)
    assert grid.shape[0] == 8 * (CAPTION + SIZE + GUTTER) + GUTTER
    np.testing.assert_array_equal(grid, image_grid(images, 8, captions))
    assert captions == score_captions(np.asarray(family.judge(*nets, to_signed(images))))


def test_a_set_of_one_image_cannot_be_compared() -> None:
    with pytest.raises(UserError, match=r"1 of 1000 images can be read at 32x32"):
        make(count=1)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"best_metric": "psnr"}, "'psnr' is not one of feature_distance, kernel_distance"),
        ({"family": "toy", "sample_scores": False}, "'feature_distance' is not one of psnr, psnr_"),
    ],
)
def test_a_best_metric_that_is_not_measured_is_named(
    settings: dict[str, Any], named: str, small_pairs: dict[str, Any]
) -> None:
    pairs = small_pairs if "family" in settings else {}
    with pytest.raises(UserError, match=named):
        Run(runs.config_of({**runs.TOY_LATENT, **settings, **pairs}))


def test_a_discriminator_of_pairs_scores_no_single_image(small_pairs: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="sample_scores=True: family 'toy' learns from pairs"):
        Run(runs.config_of({**runs.TOY, **small_pairs, "sample_scores": True}))
