"""Limits that the web server enforces, and the release of unused memory."""

import ctypes
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class ServerLimits:
    """Limits of the server. Every one of them is enforced.

    Attributes:
      file_bytes: maximum size of an uploaded file.
      look_bytes: maximum size of an uploaded look file.
      pixels: maximum number of pixels of a photo, checked before it is decoded.
      whole_pixels: the same for the method `whole`, whose memory grows with the photo.
      requests: maximum number of requests being read, waiting or processed; further ones get 429.
      upload_seconds: maximum time to receive a photo, beyond that of the slowest rate.
      upload_bytes_per_second: slowest rate of an upload.
      read_seconds: maximum time to decode a small photo file; see `seconds_to_read`.
      job_seconds: maximum time to develop a decoded photo.
      memory_bytes: maximum memory of the worker process.
      idle_seconds: maximum time of a connection without a request whose head is complete.
      stop_seconds: time that the running job has to finish when the server stops.
    """

    file_bytes: int = 100 * 2**20
    look_bytes: int = 32 * 2**20
    pixels: int = 60 * 10**6
    whole_pixels: int = 4 * 10**6
    requests: int = 8
    upload_seconds: float = 60.0
    upload_bytes_per_second: int = 500_000
    read_seconds: float = 15.0
    job_seconds: float = 300.0
    memory_bytes: int = 6 * 2**30
    idle_seconds: float = 15.0
    stop_seconds: float = 3.0

    def seconds_to_read(self, file_bytes: int) -> float:
        """Return the maximum time to decode a file: `read_seconds`, three times it for the largest.

        A malicious file is small and slow; a large one needs more time, though it is harmless.
        """
        return self.read_seconds * (1 + 2 * file_bytes / self.file_bytes)


def return_free_memory() -> None:
    """Return freed memory to the operating system (glibc only; elsewhere do nothing).

    glibc keeps the gaps between larger blocks, so the memory of a server would grow slowly.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)
