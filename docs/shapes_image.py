"""Make docs/shapes.png: drawn shapes, and below them samples of a trained generator.

Command: python -m docs.shapes_image WORKDIR    (of a run on data.path=shapes)
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from cinegan_jax.data.shapes import DrawnShapes
from cinegan_jax.pages.image_grid import image_grid
from cinegan_jax.sampling.latent_generator import open_generator

IMAGE = Path(__file__).with_name("shapes.png")
COLUMNS, ROWS = 12, 2
GAP = 12
"""White rows between drawn and generated images, in pixels."""


def main() -> None:
    """Write the first images of each: none is picked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workdir")
    generator = open_generator(parser.parse_args().workdir)
    generated = generator.decode(generator.latents(np.arange(COLUMNS * ROWS)))
    shapes = DrawnShapes("test", generated.shape[1])
    drawn = np.stack([shapes[i].target for i in range(COLUMNS * ROWS)])
    above, below = (image_grid(images, COLUMNS) for images in (drawn, generated))
    gap = np.full((GAP, above.shape[1], 3), 255, np.uint8)
    Image.fromarray(np.concatenate([above, gap, below])).save(IMAGE, optimize=True)


if __name__ == "__main__":
    main()
