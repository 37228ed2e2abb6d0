"""Photos in progress, and what ends a batch. Developing itself is replaced by a fake.

Photos are read and written in this process: `test_photo_process` has processes that crash.
"""

import errno
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import wait
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cinegan_jax.core.storage import write_whole
from cinegan_jax.darkroom import batch
from cinegan_jax.darkroom.batch import BatchOptions, PhotoBatch
from cinegan_jax.darkroom.destination import Destination
from cinegan_jax.darkroom.find import FoundPhoto
from cinegan_jax.darkroom.names import NameTemplate
from cinegan_jax.darkroom.outcomes import Outcome
from cinegan_jax.inference.develop import Settings
from cinegan_jax.inference.look import Look, NetworkLook
from cinegan_jax.nets.res_unet import ResUnetGenerator
from cinegan_jax.photos.encode import EncodeOptions, encode_with_notes
from cinegan_jax.photos.light import Light
from cinegan_jax.photos.photo_process import ReadPixels
from cinegan_jax.photos.read import Probe, probe, read_photo
from cinegan_jax.photos.resizing import Resize

LOOK = NetworkLook("none", ResUnetGenerator(width=4, num_blocks=1), {})
Develop = Callable[..., np.ndarray]


class PhotosHere:
    """Replacement of `PhotoProcess` that works in this process."""

    closed = 0

    def probe(self, path: Path, name: str) -> Probe:
        self._path, self._name = path, name
        return probe(path, name=name)

    def read(self, max_pixels: int, light: Light, size: Resize | None) -> ReadPixels:
        self._photo = read_photo(self._path, name=self._name, max_pixels=max_pixels, light=light)
        return ReadPixels(self._photo.pixels, self._photo.source.notes)

    def write(self, result: Path, pixels: np.ndarray, options: EncodeOptions) -> tuple[str, ...]:
        data, notes = encode_with_notes(self._photo, pixels, options)
        write_whole(result, data)
        return notes

    def abandon(self) -> None:
        pass

    def close(self) -> None:
        type(self).closed += 1


class Seen:
    """Observer that records outcomes."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []

    def share(self, photo: Path, done: float) -> None:
        pass

    def ended(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    @property
    def ends(self) -> list[tuple[str, str, str]]:
        return [(o.photo.name, o.status, o.reason) for o in self.outcomes]


@pytest.fixture
def photos(write_photo: Callable[..., Path], tmp_path: Path) -> list[FoundPhoto]:
    return [FoundPhoto(write_photo(tmp_path / "in" / f"{n}.png", 20, 10)) for n in range(6)]


@pytest.fixture
def start(
    photos: list[FoundPhoto], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Develop], tuple[PhotoBatch, Seen]]:
    """Return a function that makes a batch whose `develop` is replaced."""

    def make(develop: Develop) -> tuple[PhotoBatch, Seen]:
        monkeypatch.setattr(batch, "develop", develop)
        monkeypatch.setattr(batch, "PhotoProcess", PhotosHere)
        monkeypatch.setattr(PhotosHere, "closed", 0)
        seen = Seen()
        destination = Destination(tmp_path / "out", NameTemplate("{stem}"))
        options = BatchOptions((LOOK,), Settings(), EncodeOptions(), destination)
        return PhotoBatch(photos, options, seen), seen

    return make


def unchanged(photo: np.ndarray, *_: object) -> np.ndarray:
    return photo


@pytest.mark.parametrize(
    ("jobs", "pixels_at_once", "most"), [(3, 10**9, 3), (3, 450, 2), (3, 1, 1), (1, 10**9, 1)]
)
def test_few_photos_are_in_progress_and_one_is_developed_at_a_time(
    jobs: int,
    pixels_at_once: int,
    most: int,
    start: Callable[[Develop], tuple[PhotoBatch, Seen]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    developing, counting, reached = threading.Lock(), threading.Lock(), threading.Event()
    under_way, most_under_way = 0, 0
    read, write = PhotosHere.read, PhotosHere.write

    def count(change: int) -> None:
        nonlocal under_way, most_under_way
        with counting:
            under_way += change
            most_under_way = max(most_under_way, under_way)
            if most_under_way == most:
                reached.set()

    def counted_read(*args: Any) -> ReadPixels:
        count(1)
        return read(*args)

    def counted_write(*args: Any) -> tuple[str, ...]:
        notes: tuple[str, ...] = write(*args)
        count(-1)
        return notes

    def develop(photo: np.ndarray, *_: object) -> np.ndarray:
        with_nobody_else = developing.acquire(blocking=False)
        assert with_nobody_else
        assert reached.wait(30)
        developing.release()
        return photo

    monkeypatch.setattr(PhotosHere, "read", counted_read)
    monkeypatch.setattr(PhotosHere, "write", counted_write)
    monkeypatch.setattr(batch, "_MAX_PIXELS_IN_PROGRESS", pixels_at_once)
    run, seen = start(develop)
    run.run(jobs)
    assert {status for _, status, _ in seen.ends} == {"done"}
    assert (len(seen.ends), run.not_tried) == (6, 0)
    assert most_under_way == most
    assert 1 <= PhotosHere.closed <= jobs


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "out of memory: try --jobs 1 and another --method"),
        (RuntimeError("RESOURCE_EXHAUSTED: 9 GB"), "out of memory"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error"),
        (ZeroDivisionError("by 0"), "unexpected error, please report it: ZeroDivisionError: by 0"),
    ],
)
def test_the_failure_of_one_photo_does_not_stop_others(
    error: Exception, reason: str, start: Callable[[Develop], tuple[PhotoBatch, Seen]]
) -> None:
    calls = iter(range(6))

    def develop(photo: np.ndarray, *_: object) -> np.ndarray:
        if next(calls) == 2:
            raise error
        return photo

    run, seen = start(develop)
    run.run(1)
    assert [status for _, status, _ in seen.ends] == ["done"] * 2 + ["failed"] + ["done"] * 3
    assert seen.ends[2][2].startswith(reason)


def test_a_photo_that_is_too_large_is_not_decoded(
    start: Callable[[Develop], tuple[PhotoBatch, Seen]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "MAX_PHOTO_PIXELS", 199)
    run, seen = start(unchanged)
    run.run(2)
    assert {status for _, status, _ in seen.ends} == {"failed"}
    assert "20 x 10 pixels are 0.0 megapixels; at most 0.000199 are allowed" in seen.ends[0][2]


def test_a_full_disk_ends_the_batch(start: Callable[[Develop], tuple[PhotoBatch, Seen]]) -> None:
    def develop(*_: object) -> np.ndarray:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    run, seen = start(develop)
    run.run(1)
    assert seen.ends == [("0.png", "failed", "no space left on the disk of its result")]
    assert run.not_tried == 5


def test_an_interrupt_drops_photos_that_are_not_developed(
    start: Callable[[Develop], tuple[PhotoBatch, Seen]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = []

    def develop(photo: np.ndarray, look: Look, settings: Settings, progress: Any) -> np.ndarray:
        shown.append(photo)
        deadline = time.monotonic() + 30
        while len(shown) > 1 and time.monotonic() < deadline:
            time.sleep(0.001)
            progress(0.5)
        return photo

    def wait_or_be_interrupted(running: object, **how: object) -> object:
        if len(shown) > 1:
            raise KeyboardInterrupt
        return wait(running, timeout=0.001, **how)

    monkeypatch.setattr(batch, "wait", wait_or_be_interrupted)
    run, seen = start(develop)
    with pytest.raises(KeyboardInterrupt):
        run.run(2)
    assert [status for _, status, _ in seen.ends] == ["done"]
    assert len(shown) == 2
    assert run.not_tried == 5
    assert os.listdir(tmp_path / "out") == [seen.ends[0][0]]


def test_seeds_depend_on_the_name_of_the_photo(
    start: Callable[[Develop], tuple[PhotoBatch, Seen]], tmp_path: Path
) -> None:
    seeds = []

    def develop(photo: np.ndarray, look: Look, settings: Settings, *_: object) -> np.ndarray:
        seeds.append(settings.seed)
        return photo

    run, _ = start(develop)
    run.run(1)
    assert len(set(seeds)) == 6
    with Image.open(tmp_path / "out" / "3.png") as made, Image.open(tmp_path / "in/3.png") as photo:
        np.testing.assert_array_equal(made, photo)
