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
                return await _InMemory(
                    self.headers,
                    self._counted(limits),
                    max_files=1,
                    max_fields=MOST_FIELDS,
                    max_part_size=MOST_FIELD_BYTES,
                ).parse()
        except TimeoutError:
            raise HTTPException(
                408, f"The photo did not arrive within {limits.upload_seconds:.0f} seconds."
            ) from None
        except MultiPartException as error:
            raise HTTPException(400, f"This form cannot be read: {error.message}") from error

    async def _counted(self, limits: Limits) -> AsyncGenerator[bytes, None]:
        total = 0
        declared = self.headers.get("content-length", "0")
        too_large = declared.isdigit() and int(declared) > limits.body_bytes
        async for chunk in self.stream():
            total += len(chunk)
            if too_large or total > limits.body_bytes:
                await forget_rest(self)
                raise HTTPException(
                    413, f"The file is larger than {limits.body_bytes / 1e6:.0f} MB."
                )
            yield chunk


class UploadRoute(APIRoute):
    """A route whose requests are `UploadRequest`s."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own, given the other request."""
        handle = super().get_route_handler()

        async def handle_upload(request: Request) -> Response:
            return await handle(UploadRequest(request.scope, request.receive))

        return handle_upload
