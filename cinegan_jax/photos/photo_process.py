"""Reading and writing of photos in a process of their own, which may crash or hang.

Damaged files crash decoders, and some make them run for hours. Then only that process ends: the
error names the file, and the next photo gets a new process. Nothing here imports JAX.
"""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import AnyPath, write_whole
from cinegan_jax.core.worker_process import WorkerDied, WorkerProcess, WorkerTimedOut
from cinegan_jax.photos.decode import decode
from cinegan_jax.photos.encode import EncodeOptions, encode_with_notes
from cinegan_jax.photos.light import Light
from cinegan_jax.photos.limits import MAX_PHOTO_PIXELS
from cinegan_jax.photos.photo import Photo, UnreadablePhoto
from cinegan_jax.photos.read import Probe, probe, read_development, read_photo
from cinegan_jax.photos.resizing import Resize, resized

_SECONDS = 60.0
"""Time to read a header, and to start reading or writing a photo of any size."""
_SECONDS_PER_MEGAPIXEL = 4.0
"""Further time to read or write a photo, for slow codecs on a busy machine."""
_DECODE_SECONDS = 300.0
"""Time to decode a file of unknown size."""


class ReadPixels(NamedTuple):
    """Pixels of a photo to develop (see `Photo`), and the remarks on the file."""

    pixels: np.ndarray
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Probe:
    path: Path
    name: str

    def run(self, desk: "_Desk") -> Probe:
        return probe(self.path, name=self.name)


@dataclass(frozen=True)
class _Read:
    path: Path
    name: str
    max_pixels: int
    light: Light
    size: Resize | None

    def run(self, desk: "_Desk") -> ReadPixels:
        desk.photo = None
        photo = read_photo(self.path, name=self.name, max_pixels=self.max_pixels, light=self.light)
        if self.size is not None:
            photo = resized(photo, self.size, self.max_pixels)
        desk.photo = photo
        return ReadPixels(photo.pixels, photo.source.notes)


@dataclass(frozen=True, eq=False)
class _Write:
    result: Path
    pixels: np.ndarray
    options: EncodeOptions

    def run(self, desk: "_Desk") -> tuple[str, ...]:
        assert desk.photo is not None
        data, notes = encode_with_notes(desk.photo, self.pixels, self.options)
        write_whole(self.result, data)
        return notes


@dataclass(frozen=True)
class _Decode:
    path: AnyPath
    least_side: int | None

    def run(self, desk: "_Desk") -> np.ndarray:
        return decode(self.path, self.least_side)


@dataclass(frozen=True)
class _ReadDevelopment:
    path: Path

    def run(self, desk: "_Desk") -> dict[str, Any] | None:
        return read_development(self.path, max_pixels=MAX_PHOTO_PIXELS)


_Job = _Probe | _Read | _Write | _Decode | _ReadDevelopment


class _Desk:
    """The jobs as the process does them.

    Attributes:
      photo: the photo that was read last.
    """

    def __init__(self) -> None:
        self.photo: Photo | None = None

    def __call__(self, job: _Job) -> Any:
        return job.run(self)


class PhotoProcess:
    """A process that reads and writes photos, one after another.

    A decoder may damage the process's memory without ending it at once. If the process ends at a
    photo that was not its first one, the photo is tried once more in a new process.

    Only one thread at a time may use it, but any thread may call `abandon`.
    """

    def __init__(self) -> None:
        """Start the process; it gets ready while the caller goes on."""
        self._process: WorkerProcess[_Job, Any] = WorkerProcess(_Desk)
        self._process.start()
        self._photos = 0  # of the running process
        self._path, self._name, self._seconds = Path(), "", _SECONDS
        self._done: list[_Job] = []
        self._writing = threading.Lock()
        self._abandoned = False

    def probe(self, path: Path, name: str) -> Probe:
        """Begin with a photo: read its format and size.

        Raises:
          UnreadablePhoto: the file cannot be read, or its decoder crashed or hung.
        """
        self._path = path
        self._begin(name, _SECONDS)
        found = self._read(_Probe(path, name))
        self._seconds += _SECONDS_PER_MEGAPIXEL * found.width * found.height / 1e6
        return found

    def read(
        self, max_pixels: int, light: Light = Light(), size: Resize | None = None
    ) -> ReadPixels:
        """Read the photo of the last `probe`; the process keeps what is needed to write it.

        Args:
          max_pixels: larger photos are refused, before and after they are resized.
          light: exposure and white balance.
          size: size of the pixels and of the photo that is written; None: the photo's own.

        Raises:
          UnreadablePhoto: as for `probe`, or the photo has more than `max_pixels`.
        """
        return self._read(_Read(self._path, self._name, max_pixels, light, size))

    def write(self, result: Path, pixels: np.ndarray, options: EncodeOptions) -> tuple[str, ...]:
        """Write the photo that was read with new pixels, whole or not at all.

        Returns:
          Remarks on what the file does not hold.

        Raises:
          UserError: the photo does not fit into the format, or the encoder crashed or hung.
          OSError: the file cannot be written.
        """
        with self._writing:
            try:
                notes: tuple[str, ...] = self._do(_Write(result, pixels, options))
                return notes
            except (WorkerDied, WorkerTimedOut) as error:
                raise UserError(f"{self._name}: {_what_happened('encoder', error)}") from error

    def decode(self, path: AnyPath, least_side: int | None = None) -> np.ndarray:
        """Decode an image file (see `photos.decode.decode`).

        Raises:
          UnreadablePhoto: the file cannot be read, or its decoder crashed or hung.
        """
        self._begin(str(path), _DECODE_SECONDS)
        return self._read(_Decode(path, least_side))

    def development(self, path: Path) -> dict[str, Any] | None:
        """Return the settings that a developed photo records (see `photos.read`).

        Raises:
          UnreadablePhoto: the file cannot be read, or its decoder crashed or hung.
        """
        self._begin(str(path), _DECODE_SECONDS)
        found: dict[str, Any] | None = self._read(_ReadDevelopment(path))
        return found

    def close(self) -> None:
        """End the process."""
        self._process.stop()

    def abandon(self) -> None:
        """End the process, but not while it writes a result; reading raises UnreadablePhoto."""
        with self._writing:
            self._abandoned = True
            self._process.kill()

    def _begin(self, name: str, seconds: float) -> None:
        self._photos += 1
        self._done = []
        self._name, self._seconds = name, seconds

    def _read(self, job: Any) -> Any:
        try:
            answer = self._do(job)
        except (WorkerDied, WorkerTimedOut) as error:
            raise UnreadablePhoto(f"{self._name}: {_what_happened('decoder', error)}") from error
        self._done.append(job)
        return answer

    def _do(self, job: _Job) -> Any:
        if self._abandoned:
            raise WorkerDied("abandoned")
        try:
            return self._process.do(job, self._seconds)
        except WorkerTimedOut:
            self._photos = 0
            raise
        except WorkerDied:
            was_first, self._photos = self._photos == 1, 0
            if was_first or self._abandoned:
                raise
        for earlier in self._done:
            self._process.do(earlier, self._seconds)
        answer = self._process.do(job, self._seconds)
        self._photos = 1
        return answer


def _what_happened(codec: str, error: Exception) -> str:
    if isinstance(error, WorkerTimedOut):
        return f"its {codec} hung: it {error}"
    if str(error) == "SIGKILL":
        return f"its {codec} was killed (SIGKILL), as systems do when the memory runs out"
    return f"its {codec} crashed ({error})"
