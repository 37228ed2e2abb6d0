"""Chunks of RIFF files, the container of WebP."""

from collections.abc import Iterator


def riff_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of each chunk after the header of 12 bytes.

    Raises:
      ValueError: a chunk extends past the end of the file.
    """
    start = 12
    while start + 8 <= len(data):
        name, size = data[start : start + 4], int.from_bytes(data[start + 4 : start + 8], "little")
        start += 8
        if start + size > len(data):
            raise ValueError("truncated chunk")
        yield name, data[start : start + size]
        start += size + size % 2
