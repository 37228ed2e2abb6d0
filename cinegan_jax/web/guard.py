"""Access rules that apply to every request before any route: origin checks and request slots."""

import asyncio
import re
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cinegan_jax.web.error_responses import STOPPING, error_response
from cinegan_jax.web.jobs import JobQueue, QueueFull, ServerStopping
from cinegan_jax.web.limits import ServerLimits, return_free_memory

_THIS_MACHINE = re.compile(r"(127\.0\.0\.1|localhost)(:\d+)?")
_PATHS_WITH_SLOTS = ("/v1/apply", "/v1/lut")
_RETRY_AFTER_SECONDS = 3
_LINGER_SECONDS = 10.0
"""Maximum time to discard a body; so long because several large ones may come at once."""
_PAUSE_SECONDS = 1.0
"""The same between two of its parts."""
_STALL_SECONDS = 30.0
"""Maximum time in which a client must accept each part of an answer."""

_SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class OriginGuard:
    """Middleware that serves only pages and programs of this machine, with security headers.

    A page of another site can reach this server through the user's browser. Therefore the Host must
    name this machine (against DNS rebinding), and an Origin, which browsers send and programs such
    as curl do not, must be this server's own (against cross-site request forgery).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        headers = Headers(scope=scope)
        unread = "transfer-encoding" in headers or headers.get("content-length", "0") != "0"

        async def receive_and_note() -> Message:
            nonlocal unread
            message = await receive()
            unread = unread and message.get("more_body", False)
            return message

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                answer.update(_SECURITY_HEADERS)
                answer.setdefault("Cache-Control", "no-cache")
                if unread:  # otherwise the server would read for as long as the client sends
                    answer["Connection"] = "close"
            await send(message)

        app = self._app if _is_own(headers) else _refusal()
        await app(scope, receive_and_note, send_with_headers)


def _is_own(headers: Headers) -> bool:
    host = headers.get("host", "")
    return (
        _THIS_MACHINE.fullmatch(host) is not None
        and headers.get("origin", f"http://{host}") == f"http://{host}"
        and headers.get("sec-fetch-site", "none") in ("same-origin", "none")
    )


def _refusal() -> Response:
    return error_response(
        403, "This server answers only to its own page, at 127.0.0.1 or localhost."
    )


class RequestSlots:
    """Middleware that gives each request that causes work a slot, from first byte to last.

    It bounds the memory of all requests together, whatever clients do. Requests without a slot are
    refused unread, and clients that stop reading their answer are disconnected.
    """

    def __init__(self, app: ASGIApp, queue: JobQueue, limits: ServerLimits) -> None:
        self._app, self._queue, self._limits = app, queue, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in _PATHS_WITH_SLOTS:
            return await self._app(scope, receive, send)

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(_STALL_SECONDS):
                await send(message)

        try:
            with self._queue.slot():
                await self._app(scope, receive, send_in_time)
            return_free_memory()
            return
        except QueueFull:
            await discard_body(Request(scope, receive), self._limits)
            retry = {"Retry-After": str(_RETRY_AFTER_SECONDS)}
            text = "The server is busy with other photos. Try again in a moment."
            await error_response(429, text, retry)(scope, receive, send)
        except ServerStopping:
            await error_response(503, STOPPING)(scope, receive, send)


async def discard_body(request: Request, limits: ServerLimits) -> None:
    """Discard a request body that nobody has begun to read, unless its client holds it back."""
    if request.headers.get("expect", "").lower() != "100-continue":
        await discard_rest(request, limits)


async def discard_rest(request: Request, limits: ServerLimits) -> None:
    """Read and discard the rest of a request body, within bounds of size and time.

    Closing a connection while the client still sends resets it, and the client loses the answer.
    """
    rest, left = request.stream(), limits.file_bytes
    with suppress(TimeoutError, ClientDisconnect, StopAsyncIteration, RuntimeError):
        async with asyncio.timeout(_LINGER_SECONDS):
            while left > 0:  # StopAsyncIteration: its end; RuntimeError: it had ended before
                async with asyncio.timeout(_PAUSE_SECONDS):
                    left -= len(await anext(rest))
