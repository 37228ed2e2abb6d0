"""Chunks of a RIFF file, the frame of WebP."""

from collections.abc import Iterator


def riff_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and contents of the chunks after the header of 12 bytes, in their order.

    Raises:
      ValueError: a chunk reaches past the end.
    """
    start = 12
    while start + 8 <= len(data):
        name, size = data[start : start + 4], int.from_bytes(data[start + 4 : start + 8], "little")
        start += 8
        if start + size > len(data):
            raise ValueError("truncated chunk")
        yield name, data[start : start + size]
        start += size + size % 2
