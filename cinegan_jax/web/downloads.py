"""Downloads of the web server: file names, and answers that are sent in slices."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from cinegan_jax.web.jobs import Answer, Job

NOTES_HEADER = "Development-Notes"
"""Header of an answer with its notes: lines of UTF-8, percent-encoded."""
_MAX_NOTES_LENGTH = 1000
_SLICE_BYTES = 2**18
_MAX_NAME_LENGTH = 100
_CLIENT_CLOSED_REQUEST = 499
"""Status that nginx uses when the client has disconnected. Nobody receives it."""


async def download(request: Request, job: Job, stem: str) -> Response:
    """Wait for a job and return its file; cancel the job if the client disconnects.

    Args:
      request: the request to answer.
      job: the job whose result is sent.
      stem: file name without the suffix, which the result determines.

    Raises:
      Exception: whatever the job raised.
    """
    disconnected = asyncio.create_task(_disconnection(request))
    either: set[asyncio.Future[Any]] = {job.answer, disconnected}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not job.answer.done():
            return Response(status_code=_CLIENT_CLOSED_REQUEST)
        answer = job.answer.result()
    finally:
        job.cancel()
        disconnected.cancel()
    headers = {
        "Content-Length": str(len(answer.content)),
        "Content-Disposition": attachment(stem + answer.suffix),
        "Cache-Control": "no-store",
        NOTES_HEADER: quote("\n".join(answer.notes)[:_MAX_NOTES_LENGTH]),
    }
    return StreamingResponse(_slices(answer), media_type=answer.media_type, headers=headers)


async def _disconnection(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _slices(answer: Answer) -> AsyncIterator[bytes]:
    """Yield the content in slices, since a socket buffer would hold all of it, uncounted."""
    for start in range(0, len(answer.content), _SLICE_BYTES):
        yield answer.content[start : start + _SLICE_BYTES]


def plain_name(name: str) -> str:
    """Return a client's file name without folders, control characters and outer dots."""
    last = re.split(r"[/\\]", name)[-1]
    printable = "".join(letter for letter in last if letter.isprintable())
    return printable.strip(" .")[-_MAX_NAME_LENGTH:] or "photo"


def attachment(name: str) -> str:
    """Return a Content-Disposition header (RFC 6266) with an ASCII name and the real one."""
    ascii_name = re.sub(r'[^ -~]|["\\%]', "_", name)
    return f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name, safe='')}"
