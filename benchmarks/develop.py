"""Methods of developing photos: error against `whole`, seams, time, memory and start-up.

    python -m benchmarks.develop                        # closeness and start-up, minutes
    python -m benchmarks.develop --cost=transfer:24,transfer:100,tiles:24 --closeness=False

Closeness is the PSNR against method `whole` on a mosaic of four sample photos (3.1 megapixels; the
hard case, four scenes in one image) and on one sample photo enlarged to 2.8 megapixels, with seeded
noise for the detail that enlarging lacks. A step is the mean absolute difference across the borders
of tiles, relative to that of all neighbouring pixels; the step of `whole` at the same places is
that of the photo itself. Cost is measured from JPEG file to JPEG file, each in a separate process
with a warm compilation cache. Processor time is that of all threads.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from absl import app, flags

LOOK = flags.DEFINE_string("look", "classic_neg", "The look.")
CLOSENESS = flags.DEFINE_bool("closeness", True, "Compare the methods with `whole`.")
START_UP = flags.DEFINE_bool("start_up", True, "Measure the time from import to the first pixels.")
COST = flags.DEFINE_list("cost", [], "METHOD:MEGAPIXELS, each measured in a separate process.")
GRAIN = flags.DEFINE_float("grain", 0.0, "Grain of the photos whose cost is measured.")
CASE = flags.DEFINE_string("case", None, "METHOD:FILE to develop in this process.")


def mosaic() -> np.ndarray:
    """Return four sample photos in one image, uint8 [1536, 2048, 3]."""
    from PIL import ImageOps

    parts = [np.asarray(ImageOps.fit(_sample(index), (1024, 768))) for index in range(4)]
    return np.concatenate([np.concatenate(parts[i : i + 2], axis=1) for i in (0, 2)])


def enlarged() -> np.ndarray:
    """Return an enlarged sample photo with noise, uint8 [1440, 1920, 3]."""
    from PIL import ImageOps

    photo = np.asarray(ImageOps.fit(_sample(4), (1920, 1440)), np.float32)
    noise = np.random.default_rng(0).normal(0, 2.5, photo.shape)
    return np.clip(np.rint(photo + noise), 0, 255).astype(np.uint8)


def _sample(index: int) -> Any:
    from PIL import Image

    from cinegan_jax.data.samples import sample_photos

    return Image.open(sample_photos("test")[index]).convert("RGB")


def closeness() -> None:
    """Print a row for each photo and method."""
    from cinegan_jax.inference.develop import METHODS
    from cinegan_jax.inference.look import load_look

    look = load_look(LOOK.value)
    print("| photo | method | PSNR to whole | step at tile borders | step of whole |")
    print("| --- | --- | --- | --- | --- |")
    for name, photo in (("mosaic", mosaic()), ("enlarged", enlarged())):
        images = {
            method: np.clip(np.concatenate(list(make(photo, look, 1.0, lambda share: None))), 0, 1)
            for method, make in METHODS.items()
        }
        whole = images.pop("whole")
        for method, image in images.items():
            psnr = -10 * np.log10(np.mean(np.square(image - whole)))
            steps = f"{border_step(image):.3f} | {border_step(whole):.3f}"
            print(f"| {name} | {method} | {psnr:.1f} dB | {steps} |", flush=True)


def border_step(image: np.ndarray) -> float:
    """Return the mean difference across tile borders relative to that of all neighbours."""
    from cinegan_jax.inference.methods import tile_spans

    ratios = []
    for axis in (0, 1):
        tiles = tile_spans(image.shape[axis])
        borders = [tile.start + int(np.argmax(tile.weights > 0)) for tile in tiles[1:]]
        borders += [tile.start + int(np.flatnonzero(tile.weights)[-1]) + 1 for tile in tiles[:-1]]
        steps = np.abs(np.diff(image, axis=axis)).mean(axis=(1 - axis, 2))
        ratios.append(steps[np.array(borders) - 1].mean() / steps.mean())
    return float(np.mean(ratios))


def start_up() -> None:
    """Print the time from import to the pixels of a 0.4 megapixel photo, cold and warm cache."""
    with tempfile.TemporaryDirectory() as folder:
        photo = _write_photo(Path(folder), 0.4)
        for state in ("cold", "warm"):
            found = _in_process(f"transfer:{photo}", folder)
            print(f"start-up, {state} compilation cache: {_times(found, 'start')}", flush=True)


def cost(case: str) -> None:
    """Print the cost of a file, after a run that compiles."""
    method, megapixels = case.split(":")
    with tempfile.TemporaryDirectory() as folder:
        photo = _write_photo(Path(folder), float(megapixels))
        if method == "transfer":
            _in_process(f"{method}:{photo}", folder)
        found = _in_process(f"{method}:{photo}", folder)
    peak = f"{found['peak'] / 1e9:.2f} GB"
    print(f"{method}, {megapixels} MP: {_times(found, 'file')}, peak {peak}", flush=True)


def _times(found: dict, part: str) -> str:
    return f"{found[part + '_wall']:.1f} s, processor {found[part + '_processor']:.1f} s"


def _write_photo(folder: Path, megapixels: float) -> Path:
    """Write the enlarged mosaic as a JPEG of aspect ratio 3:2."""
    from PIL import Image

    width = round((megapixels * 1e6 * 1.5) ** 0.5)
    path = folder / "photo.jpg"
    Image.fromarray(mosaic()).resize((width, round(width / 1.5))).save(path, quality=92)
    return path


def _in_process(case: str, cache: str) -> dict:
    command = [sys.executable, "-m", "benchmarks.develop", f"--case={case}"]
    command += [f"--look={LOOK.value}", f"--grain={GRAIN.value}"]
    small = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": f"{cache}/compilations"} | small
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure(case: str) -> dict:
    """Develop 0.4 megapixels, then the file, and return the times of both."""
    clocks = [(time.perf_counter(), time.process_time())]
    method, path = case.split(":", 1)
    from cinegan_jax.inference.develop import Settings, develop
    from cinegan_jax.inference.look import load_look
    from cinegan_jax.photos.encode import EncodeOptions, encode_photo
    from cinegan_jax.photos.read import read_photo

    look = load_look(LOOK.value)
    develop(np.zeros((512, 768, 3), np.uint8), look, Settings())
    clocks.append((time.perf_counter(), time.process_time()))
    photo = read_photo(Path(path), max_pixels=250_000_000)
    pixels = develop(photo.pixels, look, Settings(method, grain=GRAIN.value))
    Path(f"{path}.out").write_bytes(encode_photo(photo, pixels, EncodeOptions()))
    clocks.append((time.perf_counter(), time.process_time()))
    (a, b), (c, d), (e, f) = clocks
    peak = _peak()
    times = {"start_wall": c - a, "start_processor": d - b}
    return times | {"file_wall": e - c, "file_processor": f - d, "peak": peak}


def _peak() -> int:
    """Return the peak resident bytes of this process; `ru_maxrss` would include the parent's."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def main(_: list[str]) -> None:
    if CASE.value is not None:
        print(json.dumps(measure(CASE.value)))
        return
    if START_UP.value:
        start_up()
    if CLOSENESS.value:
        closeness()
    for case in COST.value:
        cost(case)


if __name__ == "__main__":
    app.run(main)
