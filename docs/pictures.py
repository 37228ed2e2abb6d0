"""Makes the pictures of looks in README.md and in the model cards.

Command: python -m docs.pictures
"""

from pathlib import Path

import numpy as np

from cinegan_jax.data.samples import sample_photos
from cinegan_jax.data.sources import SPLITS
from cinegan_jax.film import render as film
from cinegan_jax.inference.develop import Settings, develop
from cinegan_jax.inference.look import DEFAULT_LOOK, TrainedLook, installed_looks, load_look
from cinegan_jax.pages.image_grid import contact_sheet
from cinegan_jax.photos.decode import decode

DOCS = Path(__file__).parent
HELD_OUT = ("lemur", "eiffel-tower", "owl", "chateaude-chambord", "sea1")
"""Embedded photos that no installed look was trained on."""
LADDER = (0.0, 0.5, 1.0, 1.5)


def main() -> None:
    """Writes docs/looks.jpg, docs/strength.jpg, and docs/look_NAME.jpg for each installed look."""
    files = {path.stem: path for split in SPLITS for path in sample_photos(split)}
    photos = [decode(files[name]) for name in HELD_OUT]
    looks = [load_look(name) for name in installed_looks()]
    columns = ("photo", *(look.name for look in looks))
    rows = ([photo, *(with_look(photo, look) for look in looks)] for photo in photos)
    contact_sheet(columns, rows, DOCS / "looks.jpg", width=240)
    columns = tuple(f"{strength:.0%}" for strength in LADDER)
    default = load_look(DEFAULT_LOOK)
    rows = ([with_look(photo, default, s) for s in LADDER] for photo in photos[:2])
    contact_sheet(columns, rows, DOCS / "strength.jpg", width=240)
    for look in looks:
        write_held_out(look, photos)


def write_held_out(look: TrainedLook, photos: list[np.ndarray]) -> None:
    """Photo, look and what the film renderer makes of it, without grain."""
    columns = ("photo", "look", "film renderer")
    emulated = film.load_recipe(look.name)
    rows = (
        (photo, with_look(photo, look), film.render_film(photo, emulated, 0, grain=False))
        for photo in photos
    )
    contact_sheet(columns, rows, DOCS / f"look_{look.name}.jpg", width=300)


def with_look(photo: np.ndarray, look: TrainedLook, strength: float = 1.0) -> np.ndarray:
    """What `cinegan apply --strength` makes of uint8 [h, w, 3]."""
    return develop(photo, look, Settings(strength=strength))


if __name__ == "__main__":
    main()
