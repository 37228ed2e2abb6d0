"""Makes docs/shapes.png: drawn shapes, and below them what a run made of nothing but chance.

Command: python -m docs.shapes_picture WORKDIR    (of a run on data.path=shapes)
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from cinegan_jax.data.shapes import DrawnShapes
from cinegan_jax.pages.image_grid import image_grid
from cinegan_jax.sampling.latent_generator import open_generator

PICTURE = Path(__file__).with_name("shapes.png")
COLUMNS, ROWS = 12, 2
GAP = 12
"""White rows between what is drawn and what is made, in pixels."""


def main() -> None:
    """Writes the first pictures of each: none is picked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workdir")
    generator = open_generator(parser.parse_args().workdir)
    made = generator.decode(generator.latents(np.arange(COLUMNS * ROWS)))
    shapes = DrawnShapes("test", made.shape[1])
    drawn = np.stack([shapes[i].target for i in range(COLUMNS * ROWS)])
    above, below = (image_grid(pictures, COLUMNS) for pictures in (drawn, made))
    gap = np.full((GAP, above.shape[1], 3), 255, np.uint8)
    Image.fromarray(np.concatenate([above, gap, below])).save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
