"""Who may ask, and how many at once: what holds for every request, before any route sees it."""

import asyncio
import re
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cinegan_jax.web.jobs import Jobs, QueueFull
from cinegan_jax.web.limits import give_memory_back
from cinegan_jax.web.problems import problem

THIS_MACHINE = re.compile(r"(127\.0\.0\.1|localhost)(:\d+)?")
WORKING_PATHS = ("/v1/apply", "/v1/lut")
RETRY_AFTER_SECONDS = 3
LINGER_SECONDS = 1.0
STALL_SECONDS = 30.0

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """Lets in this machine's own pages and programs only, and says so to browsers.

    Another site's page may reach this server through the browser of the one who opened it. So the
    Host must be this machine's (against DNS rebinding) and an Origin, which browsers send and
    programs such as curl do not, must be this server's own (against forged requests).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        headers = Headers(scope=scope)
        unread = "transfer-encoding" in headers or headers.get("content-length", "0") != "0"

        async def watch() -> Message:
            nonlocal unread
            message = await receive()
            unread = unread and message.get("more_body", False)
            return message

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                answer.update(HEADERS)
                answer.setdefault("Cache-Control", "no-cache")
                if unread:  # else the server would read on for as long as the client sends
                    answer["Connection"] = "close"
            await send(message)

        app = self._app if _is_own(headers) else _refusal()
        await app(scope, watch, send_with_headers)


def _is_own(headers: Headers) -> bool:
    host = headers.get("host", "")
    return (
        THIS_MACHINE.fullmatch(host) is not None
        and headers.get("origin", f"http://{host}") == f"http://{host}"
        and headers.get("sec-fetch-site", "none") in ("same-origin", "none")
    )


def _refusal() -> Response:
    return problem(403, "This server answers only to its own page, at 127.0.0.1 or localhost.")


class Places:
    """A place in the queue for each request that makes work, from its first byte to its last.

    So what all requests together hold in memory is bounded, whatever clients do: those without a
    place are sent away unread, and those that stop reading their answer lose it.
    """

    def __init__(self, app: ASGIApp, jobs: Jobs) -> None:
        self._app, self._jobs = app, jobs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in WORKING_PATHS:
            return await self._app(scope, receive, send)

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(STALL_SECONDS):
                await send(message)

        try:
            with self._jobs.place():
                await self._app(scope, receive, send_in_time)
            give_memory_back()
            return
        except QueueFull:
            await forget_rest(Request(scope, receive))
        retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        busy = problem(429, "The server is busy with other photos. Try again in a moment.", retry)
        await busy(scope, receive, send)


async def forget_rest(request: Request) -> None:
    """Reads on for a moment and keeps nothing.

    A connection that is closed while the client still sends is reset, and the answer with it.
    """
    with suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(LINGER_SECONDS):
            async for _ in request.stream():
                pass
