"""Limits that the web server enforces, and the release of unused memory."""

import ctypes
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class ServerLimits:
    """Limits of the server. Every one of them is enforced.

    Attributes:
      body_bytes: maximum size of a request body, counted as it arrives.
      pixels: maximum number of pixels of a photo, checked before it is decoded.
      whole_pixels: the same for the method `whole`, whose memory grows with the photo.
      requests: maximum number of requests being read, waiting or processed; further ones get 429.
      upload_seconds: maximum time to receive a photo.
      job_seconds: maximum time to develop a photo.
    """

    body_bytes: int = 100 * 10**6
    pixels: int = 60 * 10**6
    whole_pixels: int = 4 * 10**6
    requests: int = 8
    upload_seconds: float = 60.0
    job_seconds: float = 120.0


def return_free_memory() -> None:
    """Return freed memory to the operating system (glibc only; elsewhere do nothing).

    glibc keeps the gaps between larger blocks, so the memory of a server would grow slowly.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)
