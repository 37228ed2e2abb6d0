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

from cinegan_jax.web.guard import discard_rest
from cinegan_jax.web.jobs import Answer, Job
from cinegan_jax.web.limits import ServerLimits

_MAX_FIELDS = 20
_MAX_FIELD_BYTES = 1000
_SLICE_BYTES = 2**18
_MAX_NAME_LENGTH = 100
_CLIENT_CLOSED_REQUEST = 499
"""Status that nginx uses when the client has disconnected. Nobody receives it."""


class UploadRoute(APIRoute):
    """Route whose request forms are read under the limits of the app."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler, called with an `_UploadRequest`."""
        handle = super().get_route_handler()

        async def handle_upload(request: Request) -> Response:
            return await handle(_UploadRequest(request.scope, request.receive))

        return handle_upload


class _UploadRequest(Request):
    async def form(self, **_: Any) -> FormData:  # type: ignore[override]
        """Read the form.

        Raises:
          HTTPException: the body is too large, too slow, or not a form.
        """
        limits: ServerLimits = self.app.state.limits
        if not self.headers.get("content-type", "").startswith("multipart/form-data"):
            raise HTTPException(415, "Send the photo as multipart/form-data, in the field 'photo'.")
        try:
            async with asyncio.timeout(limits.upload_seconds):
                return await self._parse(limits.body_bytes)
        except TimeoutError:
            status = 408
            text = f"The photo did not arrive within {limits.upload_seconds:.0f} seconds."
        except _BodyTooLarge:
            status, text = 413, f"The file is larger than {limits.body_bytes / 1e6:.0f} MB."
        except MultiPartException as error:
            status, text = 400, f"The form cannot be read: {error.message}"
        await discard_rest(self)
        raise HTTPException(status, text)

    async def _parse(self, max_bytes: int) -> FormData:
        parser = _InMemoryParser(
            self.headers,
            self._counted(max_bytes),
            max_files=1,
            max_fields=_MAX_FIELDS,
            max_part_size=_MAX_FIELD_BYTES,
        )
        return await parser.parse()

    async def _counted(self, max_bytes: int) -> AsyncGenerator[bytes, None]:
        declared = self.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > max_bytes:
            raise _BodyTooLarge
        total = 0
        async for chunk in self.stream():
            total += len(chunk)
            if total > max_bytes:
                raise _BodyTooLarge
            yield chunk


class _InMemoryParser(MultiPartParser):
    """Multipart parser that keeps files in memory; Starlette's spools more than 1 MB to disk."""

    spool_max_size = 2**62


class _BodyTooLarge(Exception):
    pass


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
