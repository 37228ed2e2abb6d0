"""Uploads of the web server: forms with files, bounded in size and time, kept in memory."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

from fastapi import HTTPException
from fastapi.routing import APIRoute
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import Response

from cinegan_jax.web.guard import discard_body, discard_rest
from cinegan_jax.web.limits import ServerLimits

_MAX_FIELDS = 20
_MAX_FIELD_BYTES = 1000
_FORM_BYTES = 2**20
"""Maximum size of everything in a form beside the content of its files."""
_CHARSETS = ("utf-8", "utf8", "us-ascii", "ascii")


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
        await self._check_head(limits)
        try:
            async with asyncio.timeout(limits.upload_seconds) as deadline:
                form = await self._parse(limits, deadline)
            await _check_fields(form, limits)
            return form
        except TimeoutError:
            status, text = 408, "The photo arrived too slowly, or not at all."
        except _TooLarge as error:
            status, text = 413, str(error)
        except MultiPartException as error:
            status, text = 400, f"The form cannot be read: {error.message}"
        await discard_rest(self, limits)
        raise HTTPException(status, text)

    async def _check_head(self, limits: ServerLimits) -> None:
        """Refuse a form by its head, before any of it is read."""
        kind, options = parse_options_header(self.headers.get("content-type"))
        charset = options.get(b"charset", b"utf-8").decode("latin-1").lower()
        declared = self.headers.get("content-length", "")
        if kind != b"multipart/form-data":
            status = 415
            text = "Send the photo as multipart/form-data, in the field 'photo'."
        elif charset not in _CHARSETS:
            status, text = 415, f"The charset of the form is {charset!a}; send it as utf-8."
        elif declared.isdigit() and int(declared) > _max_body(limits):
            status, text = 413, str(_TooLarge("The file", limits.file_bytes))
        else:
            return
        await discard_body(self, limits)
        raise HTTPException(status, text)

    async def _parse(self, limits: ServerLimits, deadline: asyncio.Timeout) -> FormData:
        parser = _InMemoryParser(
            self.headers,
            self._counted(limits, deadline),
            max_files=2,
            max_fields=_MAX_FIELDS,
            max_part_size=_MAX_FIELD_BYTES,
        )
        return await parser.parse()

    async def _counted(
        self, limits: ServerLimits, deadline: asyncio.Timeout
    ) -> AsyncGenerator[bytes, None]:
        """Yield the body within its size; move the deadline with what has arrived."""
        total, first = 0, deadline.when() or 0.0
        async for chunk in self.stream():
            total += len(chunk)
            if total > _max_body(limits):
                raise _TooLarge("The file", limits.file_bytes)
            deadline.reschedule(first + total / limits.upload_bytes_per_second)
            yield chunk


class _InMemoryParser(MultiPartParser):
    """Multipart parser that keeps files in memory; Starlette's spools more than 1 MB to disk."""

    spool_max_size = 2**62


class _TooLarge(Exception):
    def __init__(self, what: str, limit: int) -> None:
        super().__init__(f"{what} is larger than {limit / 2**20:g} MiB ({limit} bytes).")


def _max_body(limits: ServerLimits) -> int:
    return limits.file_bytes + limits.look_bytes + _FORM_BYTES


async def _check_fields(form: FormData, limits: ServerLimits) -> None:
    """Refuse files that are too large, and fields that are empty or given twice.

    FastAPI takes an empty field as missing, and the last of several.
    """
    try:
        for name, value in form.multi_items():
            if len(form.getlist(name)) > 1:
                raise HTTPException(422, f"{name}: given more than once")
            if value == "":
                raise HTTPException(422, f"{name}: empty; give a value or leave it out")
            if isinstance(value, UploadFile):
                _check_size(name, value.size or 0, limits)
    except (HTTPException, _TooLarge):
        await form.close()
        raise


def _check_size(name: str, size: int, limits: ServerLimits) -> None:
    if name == "look_file" and size > limits.look_bytes:
        raise _TooLarge("The look file", limits.look_bytes)
    if size > limits.file_bytes:
        raise _TooLarge("The file", limits.file_bytes)
