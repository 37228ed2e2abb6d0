from pathlib import Path

import numpy as np

from cinegan_jax.pages.image_grid import GUTTER
from cinegan_jax.sampling.images import GridLayout, walk_frames
from cinegan_jax.sampling.latent_generator import open_generator


def test_a_walk_passes_through_the_first_images_of_the_seed(latent_run: Path) -> None:
    generator = open_generator(latent_run, seed=5)
    frames = walk_frames(generator, 3, 12)
    images = generator.decode(generator.latents(np.arange(3)))
    np.testing.assert_array_equal(frames[::4], images)
    between = np.abs(frames[1].astype(int) - images[0]).mean()
    assert 0 < between < np.abs(images[1].astype(int) - images[0]).mean()


def test_walks_in_a_grid_have_separate_latents(latent_run: Path) -> None:
    generator = open_generator(latent_run)
    frames = walk_frames(generator, 2, 4, GridLayout(columns=3, rows=2))
    images = generator.decode(generator.latents(np.arange(12)))
    for walk in range(6):
        top, left = (GUTTER + place * (32 + GUTTER) for place in divmod(walk, 3))
        cell = frames[::2, top : top + 32, left : left + 32]
        np.testing.assert_array_equal(cell, images[2 * walk : 2 * walk + 2])
