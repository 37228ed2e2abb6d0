"""Make the images of looks in README.md, docs/darkroom.md, docs/looks.md and the model cards.

Command: python -m docs.look_images
"""

from pathlib import Path

import numpy as np

from cinegan_jax.data.examples import SPLITS
from cinegan_jax.data.samples import sample_photos
from cinegan_jax.film.render import load_recipe, render_film
from cinegan_jax.inference.develop import Settings, develop
from cinegan_jax.inference.look import DEFAULT_LOOK, Look, NetworkLook, installed_looks, load_look
from cinegan_jax.pages.image_grid import contact_sheet
from cinegan_jax.photos.decode import decode

DOCS = Path(__file__).parent
HELD_OUT = ("lemur", "eiffel-tower", "owl", "chateaude-chambord", "sea1")
"""Embedded photos that no installed look was trained on."""
STRENGTHS = (0.0, 0.5, 1.0, 1.5)
STOCKS = {
    "negatives": ("classic_neg", "gold_200", "portra_400", "pro_400h", "ektar"),
    "slides": ("velvia", "provia", "kodachrome", "ektachrome"),
    "cinema": ("cinema", "vision3_500t", "vision3_50d", "double_x", "tri_x"),
}
"""Stocks of the film renderer by the sheet that shows them."""


def main() -> None:
    """Write docs/looks.jpg, strength.jpg, stocks_*.jpg, and look_NAME.jpg per trained look."""
    files = {path.stem: path for split in SPLITS for path in sample_photos(split)}
    photos = [decode(files[name]) for name in HELD_OUT]
    installed = [load_look(name) for name in installed_looks()]
    looks = [look for look in installed if isinstance(look, NetworkLook)]
    columns = ("photo", *(look.name for look in looks))
    rows = ([photo, *(with_look(photo, look) for look in looks)] for photo in photos)
    contact_sheet(columns, rows, DOCS / "looks.jpg", width=240)
    columns = tuple(f"{strength:.0%}" for strength in STRENGTHS)
    default = load_look(DEFAULT_LOOK)
    rows = ([with_look(photo, default, s) for s in STRENGTHS] for photo in photos[:2])
    contact_sheet(columns, rows, DOCS / "strength.jpg", width=240)
    for look in looks:
        write_held_out(look, photos)
    for sheet, stocks in STOCKS.items():
        write_stocks(sheet, stocks, photos[:3])


def write_held_out(look: Look, photos: list[np.ndarray]) -> None:
    """Write a sheet of photo, look and the film renderer's output without grain."""
    columns = ("photo", "look", "film renderer")
    emulated = load_recipe(look.name)
    rows = (
        (photo, with_look(photo, look), render_film(photo, emulated, 0, grain=False))
        for photo in photos
    )
    contact_sheet(columns, rows, DOCS / f"look_{look.name}.jpg", width=300)


def write_stocks(sheet: str, stocks: tuple[str, ...], photos: list[np.ndarray]) -> None:
    """Write a sheet of photos and what the film renderer makes of them without grain."""
    recipes = [load_recipe(name) for name in stocks]
    rows = (
        [photo, *(render_film(photo, recipe, 0, grain=False) for recipe in recipes)]
        for photo in photos
    )
    contact_sheet(("photo", *stocks), rows, DOCS / f"stocks_{sheet}.jpg", width=240)


def with_look(photo: np.ndarray, look: Look, strength: float = 1.0) -> np.ndarray:
    """Return uint8 [h, w, 3] developed as by `cinegan apply --strength`."""
    return develop(photo, look, Settings(strength=strength))


if __name__ == "__main__":
    main()
