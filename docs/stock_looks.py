"""Write the looks that are a film stock's table and halation, with their cards.

Command: python -m docs.stock_looks
"""

from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cinegan_jax.data.examples import SPLITS
from cinegan_jax.data.samples import sample_photos
from cinegan_jax.film.lut import Lut
from cinegan_jax.film.render import load_recipe, render_film
from cinegan_jax.inference.look import LOOK_SUFFIX, LOOKS_PACKAGE, Glow, Grain, LutLook
from cinegan_jax.inference.look_file import read_look, write_look
from cinegan_jax.metrics.delta_e import delta_e_76
from cinegan_jax.metrics.psnr_ssim import psnr, ssim
from cinegan_jax.photos.decode import decode


class Stock(NamedTuple):
    """A film stock: its character, what it is, and the sheet in docs/ that shows it."""

    character: str
    emulates: str
    sheet: str


STOCKS = {
    "double_x": Stock(
        "black-and-white cinema negative: soft highlights",
        "Double-X 5222 printed on 2302",
        "cinema",
    ),
    "ektachrome": Stock("slide film: clean and cool", "Ektachrome 100D", "slides"),
    "ektar": Stock(
        "negative: strong colours, bright skies", "Ektar 100 printed on Endura Premier", "negatives"
    ),
    "gold_200": Stock(
        "consumer negative: golden greens, warm reds",
        "Gold 200 printed on Supra Endura",
        "negatives",
    ),
    "kodachrome": Stock("slide film: restrained, deep reds", "Kodachrome 64", "slides"),
    "portra_400": Stock(
        "portrait negative: warm skin, soft contrast",
        "Portra 400 printed on Portra Endura",
        "negatives",
    ),
    "pro_400h": Stock(
        "portrait negative: airy, cyan skies",
        "Pro 400H printed on Crystal Archive Maxima",
        "negatives",
    ),
    "provia": Stock("slide film: neutral, cool skies", "Provia 100F", "slides"),
    "tri_x": Stock(
        "black-and-white negative: strong contrast",
        "Tri-X 400 printed on Polymax Fine-Art of grade 3",
        "cinema",
    ),
    "vision3_500t": Stock(
        "tungsten cinema negative: muted greens, soft highlights",
        "Vision3 500T 5219 printed on 2383",
        "cinema",
    ),
    "vision3_50d": Stock(
        "daylight cinema negative: deep blacks", "Vision3 50D 5203 printed on 2393", "cinema"
    ),
}
CARD = """\
# {name}: {character}

The colours and the halation of {emulates}, as the film renderer has them: a LUT of
33 nodes per axis on every pixel, after a red glow around highlights. Nothing is trained.

![the stock beside others](../../docs/stocks_{sheet}.jpg)

## Scores

The {count} embedded photos against the film renderer without grain:

| | PSNR | SSIM | delta E |
| --- | ---: | ---: | ---: |
{rows}

PSNR is in dB; delta E is CIE 1976. The look differs from the renderer by rounding, dither and the
reduced copy that its glow is computed on.

## Source

The table was baked with spectral-film-lut (MIT licence) from digitised data sheets: see the
[attribution](../film/recipes/ATTRIBUTION.md). It emulates the stock; it is not the manufacturer's
own simulation. `cinegan apply --grain` adds grain; `--halation 0` leaves the glow out. Written by
`python -m docs.stock_looks`.
"""


def main() -> None:
    """Write NAME.safetensors and NAME.md of every stock into the package's folder of looks."""
    folder = Path(str(resources.files(LOOKS_PACKAGE)))
    photos = [decode(path) for split in SPLITS for path in sample_photos(split)]
    for name, stock in STOCKS.items():
        recipe = load_recipe(name)
        look = LutLook(
            name,
            Lut.from_table(recipe.lut),
            grain=Grain(recipe.grain_sigma, recipe.grain_size),
            glow=Glow(halation=1.0),
        )
        path = folder / f"{name}{LOOK_SUFFIX}"
        write_look(look, path)
        written = read_look(path)
        rendered = [render_film(photo, recipe, seed=0, grain=False) for photo in photos]
        rows = [
            score_row("photo", photos, rendered),
            score_row(name, [written(photo) for photo in photos], rendered),
        ]
        card = CARD.format(name=name, count=len(photos), rows="\n".join(rows), **stock._asdict())
        (folder / f"{name}.md").write_text(card)
        print(rows[-1], flush=True)


def score_row(name: str, images: list[np.ndarray], targets: list[np.ndarray]) -> str:
    """Return a row of mean scores of images, uint8 [h, w, 3]."""
    units = [
        (image[None] / np.float32(255), target[None] / np.float32(255))
        for image, target in zip(images, targets, strict=True)
    ]
    peak, structure, delta = (
        np.mean([float(metric(*pair)[0]) for pair in units]) for metric in (psnr, ssim, delta_e_76)
    )
    return f"| {name} | {peak:.2f} | {structure:.4f} | {delta:.2f} |"


if __name__ == "__main__":
    main()
