"""Limits of the web server, and the memory that this machine has."""

import ctypes
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """All are enforced by the server.

    Attributes:
      body_bytes: of a request, counted as it comes in.
      pixels: of a photo, looked up before it is decoded.
      whole_pixels: of a photo by the method `whole`, whose memory grows with it.
      requests: that are being read, wait or are worked on; more are sent away with 429.
      upload_seconds: that sending a photo may take.
      job_seconds: that developing a photo may take.
    """

    body_bytes: int = 100 * 10**6
    pixels: int = 60 * 10**6
    whole_pixels: int = 4 * 10**6
    requests: int = 8
    upload_seconds: float = 60.0
    job_seconds: float = 120.0


def give_memory_back() -> None:
    """Has glibc return what is free; elsewhere nothing is done.

    It would keep the pieces between larger blocks, and a server's memory would creep upwards.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)
