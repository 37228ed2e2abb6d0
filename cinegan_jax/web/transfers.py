"""Uploads and downloads of the web server: bounded in size and time, sent in slices."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from typing import Any
from urllib.parse import quote

from fastapi import HTTPException
from fastapi.routing import APIRoute
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from cinegan_jax.web.guard import forget_rest
from cinegan_jax.web.jobs import Job
from cinegan_jax.web.limits import Limits
from cinegan_jax.web.tasks import Answer

MOST_FIELDS = 20
MOST_FIELD_BYTES = 1000


class _InMemory(MultiPartParser):
    """Starlette's own writes files of more than 1 MB to the disk."""

    spool_max_size = 2**62


class _TooLarge(Exception):
    pass


class UploadRequest(Request):
    """A request whose form is read under the app's limits."""

    async def form(self, **_: Any) -> FormData:  # type: ignore[override]
        """The form.

        Raises:
          HTTPException: it is too large, too slow, or no form.
        """
        limits: Limits = self.app.state.limits
        if not self.headers.get("content-type", "").startswith("multipart/form-data"):
            raise HTTPException(415, "Send the photo as multipart/form-data, in the field 'photo'.")
        try:
            async with asyncio.timeout(limits.upload_seconds):
                return await self._parse(limits.body_bytes)
        except TimeoutError:
            status, text = 408, f"It did not arrive within {limits.upload_seconds:.0f} seconds."
        except _TooLarge:
            status, text = 413, f"The file is larger than {limits.body_bytes / 1e6:.0f} MB."
        except MultiPartException as error:
            status, text = 400, f"This form cannot be read: {error.message}"
        await forget_rest(self)
        raise HTTPException(status, text)

    async def _parse(self, most_bytes: int) -> FormData:
        parser = _InMemory(
            self.headers,
            self._counted(most_bytes),
            max_files=1,
            max_fields=MOST_FIELDS,
            max_part_size=MOST_FIELD_BYTES,
        )
        return await parser.parse()

    async def _counted(self, most_bytes: int) -> AsyncGenerator[bytes, None]:
        declared = self.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > most_bytes:
            raise _TooLarge
        total = 0
        async for chunk in self.stream():
            total += len(chunk)
            if total > most_bytes:
                raise _TooLarge
            yield chunk


class UploadRoute(APIRoute):
    """A route whose requests are `UploadRequest`s."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own, given the other request."""
        handle = super().get_route_handler()

        async def handle_upload(request: Request) -> Response:
            return await handle(UploadRequest(request.scope, request.receive))

        return handle_upload


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
