"""Memory that a photo took, given back to the system."""

import ctypes
import sys


def give_memory_back() -> None:
    """Has glibc return what is free; elsewhere nothing is done.

    It would keep the pieces between larger blocks, and a server's memory would creep upwards.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)
