"""Loader speed and peak memory at 512x512: pairs from PNG folders and shards, and drawn shapes.

    python benchmarks/loader.py [--seconds=10] [--threads=4] [--batch_size=8]

Photos are synthetic: smooth shapes with noise, 720x480, so that a PNG has about 500 kB, like
FilmSet's. Only 64 pairs are unique; 5,000 names link to them, so that the files stay in the page
cache and the speed of the disk is not measured. Each case runs in a separate process, after 8
warm-up batches. `a core` is examples per second of processor time, which is valid on a busy machine
too.
"""

import functools
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import grain
import numpy as np
from absl import app, flags
from array_record.python.array_record_module import ArrayRecordWriter
from PIL import Image
from scipy import ndimage

from cinegan_jax.data.examples import ExampleSource
from cinegan_jax.data.manifest import Manifest, Shard, write_shard_manifest
from cinegan_jax.data.pairs import open_pairs
from cinegan_jax.data.pipeline import train_batches
from cinegan_jax.data.shapes import SHAPES_PATH
from cinegan_jax.data.shards import encode_record
from cinegan_jax.data.sources import open_images
from cinegan_jax.data.transforms import CROPS, random_flip

SECONDS = flags.DEFINE_float("seconds", 10.0, "Seconds of measuring each case.")
BATCH = flags.DEFINE_integer("batch_size", 8, "Pairs per batch.")
THREADS = flags.DEFINE_integer("threads", 4, "Threads of the loader.")
CASE = flags.DEFINE_string("case", None, "Measure only this case and print it as JSON.")
ROOT = flags.DEFINE_string("root", None, "Folder of the synthetic photos.")

SIZE, UNIQUE, PAIRS = 512, 64, 4992
WORKERS = 2
AIMS = {"png squash": 40.0, "shards crop": 400.0}
CASES = {
    "png squash": ("png", "squash", False),
    "png squash, processes": ("png", "squash", True),
    "shards squash": ("squash", "squash", False),
    "shards crop": ("crop", "crop", False),
    "shards crop, processes": ("crop", "crop", True),
    "shapes": (SHAPES_PATH, "squash", False),
}
"""Cases by name: folder, `crop` of the loader, and whether processes read instead of threads."""


def _photo(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    shapes = ndimage.gaussian_filter(rng.normal(size=(height, width, 3)), (20, 20, 0))
    levels = 128 + 60 * shapes / shapes.std() + rng.normal(scale=2, size=shapes.shape)
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def _write_png(root: Path) -> float:
    """Write a FilmSet-like folder and return the mean file size in kB."""
    rng = np.random.default_rng(0)
    sizes = []
    for side in ("input", "look"):
        folder = root / "train" / side
        folder.mkdir(parents=True)
        for index in range(PAIRS):
            path = folder / f"{index:04d}.png"
            if index < UNIQUE:
                Image.fromarray(_photo(rng, 480, 720)).save(path)
                sizes.append(path.stat().st_size / 1000)
            else:
                path.hardlink_to(folder / f"{index % UNIQUE:04d}.png")
    return float(np.mean(sizes))


def _write_shards(root: Path, height: int, width: int, resize: str) -> None:
    rng = np.random.default_rng(0)
    root.mkdir()
    path = root / "train.arrayrecord"
    writer = ArrayRecordWriter(str(path), "group_size:1,uncompressed")
    for index in range(UNIQUE):
        before, after = (_photo(rng, height, width) for _ in range(2))
        writer.write(encode_record(f"{index:04d}", input=before, target=after))
    writer.close()
    names = [f"{index:04d}" for index in range(UNIQUE)]
    shard = Shard(path.name, path.stat().st_size, "", names, [(height, width)])
    splits = {"train": [shard] * (PAIRS // UNIQUE)}
    write_shard_manifest(Manifest("look", resize, SIZE, "", splits), root)


def _worker_batches(source: ExampleSource[Any], crop: str) -> Iterator[object]:
    """Return batches of the same work in worker processes."""

    def read(index: int) -> Mapping[str, np.ndarray]:
        return source[index].arrays

    def augment(arrays: Mapping[str, np.ndarray], rng: np.random.Generator) -> object:
        fitted = random_flip(CROPS[crop](arrays, SIZE, rng), rng)
        return {name: np.array(array) for name, array in fitted.items()}

    order = grain.MapDataset.range(len(source)).seed(0).shuffle().repeat()
    batches = order.map(read).random_map(augment).batch(BATCH.value).to_iter_dataset()
    return iter(batches.mp_prefetch(grain.MultiprocessingOptions(num_workers=WORKERS)))


def _measure(root: Path, case: str) -> dict[str, float]:
    folder, crop, processes = CASES[case]
    source: ExampleSource[Any] = (
        open_images(SHAPES_PATH, "train", size=SIZE)
        if folder == SHAPES_PATH
        else open_pairs(str(root / folder), "train", "look")
    )
    if processes:
        batches = _worker_batches(source, crop)
    else:
        loader = functools.partial(train_batches, source, size=SIZE, crop=crop)
        batches = loader(batch_size=BATCH.value, seed=0, threads=THREADS.value)
    for _ in itertools.islice(batches, 8):
        pass
    start, busy, count = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - start < SECONDS.value:
        next(batches)
        count += BATCH.value
    rate = count / (time.perf_counter() - start)
    a_core = count / (time.process_time() - busy)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"rate": rate} if processes else {"rate": rate, "a core": a_core, "GiB": peak}


def _run_case(root: str, case: str) -> dict[str, float]:
    command = [sys.executable, __file__, f"--case={case}", f"--root={root}"]
    command += [f"--{flag.name}={flag.value}" for flag in (SECONDS, THREADS, BATCH)]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(found.stdout.splitlines()[-1])


def main(_: list[str]) -> None:
    """Measure all cases, or the one of --case."""
    if CASE.value:
        print(json.dumps(_measure(Path(ROOT.value), CASE.value)), flush=True)
        return
    with tempfile.TemporaryDirectory() as root:
        kilobytes = _write_png(Path(root) / "png")
        _write_shards(Path(root) / "squash", SIZE, SIZE, "squash")
        _write_shards(Path(root) / "crop", SIZE, 768, "crop")
        print(f"{PAIRS} pairs ({UNIQUE} unique), PNG {kilobytes:.0f} kB, batch {BATCH.value}")
        results = {case: _run_case(root, case) for case in CASES}
    for case, result in results.items():
        print(f"{case:24s} {result['rate']:7.1f} examples/s", end="")
        if "GiB" in result:
            print(f", {result['a core']:.1f} a core, peak {result['GiB']:.2f} GiB", end="")
        print(f", {result['rate'] / AIMS[case]:.2f} x the aim" if case in AIMS else "")
    for case in ("png squash", "shards crop"):
        ratio = results[case]["rate"] / results[f"{case}, processes"]["rate"]
        print(f"{case}: {THREADS.value} threads / {WORKERS} processes = {ratio:.2f}")
    ratio = results["shards crop"]["rate"] / results["png squash"]["rate"]
    print(f"shards / PNG = {ratio:.1f}")


if __name__ == "__main__":
    app.run(main)
