"""Answers that are files: in slices, under a safe name, and gone when the client is."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from cinegan_jax.web.jobs import Job
from cinegan_jax.web.tasks import Answer

SLICE_BYTES = 2**18
MOST_NAME_LETTERS = 100
CLIENT_GONE = 499


async def download(request: Request, job: Job, stem: str) -> Response:
    """Waits for a job, and gives its answer as a file; ends the job when the client goes away.

    Raises:
      Exception: what the job raised.
    """
    gone = asyncio.create_task(_gone(request))
    either: set[asyncio.Future[Any]] = {job.answer, gone}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not job.answer.done():
            return Response(status_code=CLIENT_GONE)
        answer = job.answer.result()
    finally:
        job.cancel()
        gone.cancel()
    headers = {
        "Content-Length": str(len(answer.content)),
        "Content-Disposition": attachment(stem + answer.suffix),
        "Cache-Control": "no-store",
    }
    return StreamingResponse(_slices(answer), media_type=answer.media_type, headers=headers)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _slices(answer: Answer) -> AsyncIterator[bytes]:
    """A whole answer at once would wait in the socket's buffer, where nobody counts it."""
    for start in range(0, len(answer.content), SLICE_BYTES):
        yield answer.content[start : start + SLICE_BYTES]


def plain_name(name: str) -> str:
    """What a client's file name comes to without folders and control characters."""
    last = re.split(r"[/\\]", name)[-1]
    printable = "".join(letter for letter in last if letter.isprintable())
    return printable.strip(" .")[-MOST_NAME_LETTERS:] or "photo"


def attachment(name: str) -> str:
    """A Content-Disposition, after RFC 6266: an ASCII name, and the real one beside it."""
    ascii_name = re.sub(r'[^ -~]|["\\%]', "_", name)
    return f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name, safe='')}"
