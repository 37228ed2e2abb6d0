"""Time and peak memory of `cinegan apply` from file to file, each run in a separate process.

    python benchmarks/apply.py [--megapixels=24] [--photos=4] [--jobs=2] [--format=jpeg]
                               [--method=transfer]

Photos are enlarged sample photos with noise, so that JPEGs are as large as a camera's. `one more
photo` is the cost of each further photo of a batch, once the command has started. `core` is
processor time, which is valid on a busy machine too; `clock` is only valid on an idle one. `start`
is the cost of a sample photo at its own size, with an empty and with a filled compilation cache.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from absl import app, flags
from PIL import Image

from cinegan_jax.data.samples import sample_photos

MEGAPIXELS = flags.DEFINE_float("megapixels", 24, "Megapixels of each photo.")
PHOTOS = flags.DEFINE_integer("photos", 4, "Photos of a batch.", lower_bound=2)
JOBS = flags.DEFINE_integer("jobs", 2, "Photos in progress at a time.")
FORMAT = flags.DEFINE_enum("format", "jpeg", ["jpeg", "png", "tiff"], "Format of the files.")
METHOD = flags.DEFINE_string("method", "transfer", "Method of `cinegan apply`.")

ENDINGS = {"jpeg": ".jpg", "png": ".png", "tiff": ".tif"}
ASPECT = 3 / 2
NOISE = 2.5
"""Standard deviation of the noise, in levels of 255."""


class Cost(NamedTuple):
    """Cost of one process: seconds and GB."""

    clock: float
    core: float
    peak_gb: float


def write_photo(path: Path, sample: Path, seed: int) -> None:
    """Write a photo of --megapixels with the noise of a camera."""
    height = round((MEGAPIXELS.value * 1e6 / ASPECT) ** 0.5)
    size = round(height * ASPECT), height
    with Image.open(sample) as image:
        photo = np.array(image.convert("RGB").resize(size, Image.Resampling.LANCZOS))
    rng = np.random.default_rng(seed)
    for row in photo:
        noise = rng.standard_normal(row.shape, np.float32) * NOISE
        row[:] = np.clip(np.rint(row + noise), 0, 255)
    Image.fromarray(photo).save(path, quality=92)


def cost_of_apply(*arguments: object) -> Cost:
    """Run `cinegan apply` and return its cost."""
    command = [sys.executable, "-m", "cinegan_jax.cli", "apply", *map(str, arguments)]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{command} ended with {status}")
    core = usage.ru_utime + usage.ru_stime
    return Cost(time.perf_counter() - start, core, usage.ru_maxrss / 1e6)


def show(what: str, cost: Cost) -> None:
    peak = f"{cost.peak_gb:9.2f}" if cost.peak_gb else ""
    print(f"{what:40}{cost.clock:9.1f}{cost.core:9.1f}{peak}", flush=True)


def main(_: list[str]) -> None:
    print(f"{'':40}{'clock s':>9}{'core s':>9}{'peak GB':>9}")
    samples = sample_photos("test")
    with tempfile.TemporaryDirectory() as root:
        os.environ["XDG_CACHE_HOME"] = root
        for what in ("start, nothing compiled", "start, all compiled"):
            show(what, cost_of_apply(samples[0], "-o", root, "--overwrite"))
        photos = [Path(root) / f"{number}{ENDINGS[FORMAT.value]}" for number in range(PHOTOS.value)]
        for number, photo in enumerate(photos):
            write_photo(photo, samples[number % len(samples)], number)
        how = ("-o", Path(root) / "out", "--overwrite", "--method", METHOD.value)
        cost_of_apply(photos[0], *how)  # compiles
        one = cost_of_apply(photos[0], *how)
        batch = cost_of_apply(*photos, *how, "--jobs", JOBS.value)
    what = f"{MEGAPIXELS.value:g} MP {FORMAT.value}, {METHOD.value}"
    show(f"{what}: one photo", one)
    show(f"{what}: {len(photos)} photos, {JOBS.value} at a time", batch)
    more = len(photos) - 1
    clock, core = ((b - o) / more for b, o in zip(batch[:2], one[:2], strict=True))
    show("one more photo", Cost(clock, core, 0))


if __name__ == "__main__":
    app.run(main)
