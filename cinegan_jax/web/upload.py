"""Uploads: kept in memory, counted as they come in, and given up when they take too long."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

from fastapi import HTTPException
from fastapi.routing import APIRoute
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import Response

from cinegan_jax.web.guard import forget_rest
from cinegan_jax.web.limits import Limits

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
