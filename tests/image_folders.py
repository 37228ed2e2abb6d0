"""Folders of synthetic photos, for tests of image sources and of their preparation."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage

Photos = dict[str, np.ndarray]


def smooth_photo(rng: np.random.Generator, height: int = 24, width: int = 30) -> np.ndarray:
    """Draw smooth noise over the whole range of levels, uint8 [h, w, 3]."""
    noise = ndimage.gaussian_filter(rng.normal(size=(height, width, 3)), (2, 2, 0))
    return np.rint(255 * (noise / abs(noise).max() + 1) / 2).astype(np.uint8)


def save_photo(path: Path, photo: np.ndarray, **options: Any) -> None:
    """Save pixels as an image file, with the folders that it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(photo).save(path, **options)


def write_trip(root: Path, rng: np.random.Generator) -> tuple[Path, Photos]:
    """Write forty photos into nested folders, beside a text file and a hidden folder."""
    photos = {f"my trip/day {i % 3}/IMG {i:03d}.png": smooth_photo(rng) for i in range(40)}
    for name, photo in photos.items():
        save_photo(root / name, photo)
    (root / "notes.txt").write_text("no image")
    (root / ".thumbs").mkdir()
    save_photo(root / ".thumbs" / "a.png", smooth_photo(rng))
    return root, photos


def write_celeba(root: Path, rng: np.random.Generator, ending: str) -> Path:
    """Write CelebA's layout: aligned JPEGs of 178x218, and the list beside their folder."""
    numbers = [0, 0, 0, 1, 2, 0, 2, 1]
    comma, head = (",", "image_id,partition\n") if ending == "csv" else (" ", "")
    lines = [f"{i + 1:06d}.jpg{comma}{number}\n" for i, number in enumerate(numbers)]
    for index in range(len(numbers)):
        path = root / "img_align_celeba" / f"{index + 1:06d}.jpg"
        save_photo(path, smooth_photo(rng, 218, 178), quality=95)
    (root / f"list_eval_partition.{ending}").write_text(head + "".join(lines))
    return root / "img_align_celeba"
