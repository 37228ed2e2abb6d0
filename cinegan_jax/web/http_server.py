"""The HTTP server: uvicorn, with a time limit for idle connections and a quick, clean stop."""

import asyncio
import socket
from types import FrameType
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from cinegan_jax.web.jobs import JobQueue
from cinegan_jax.web.limits import ServerLimits

_LAST_ANSWERS_SECONDS = 0.5
"""Time that clients have to take the answers which a stopping server sends."""


class DarkroomServer(uvicorn.Server):
    """Server that stops within `limits.stop_seconds` and a moment, whatever its clients do."""

    def __init__(self, app: ASGIApp, queue: JobQueue, limits: ServerLimits) -> None:
        config = uvicorn.Config(
            app,
            http=type("Protocol", (_BoundedProtocol,), {"idle_seconds": limits.idle_seconds}),
            ws="none",
            lifespan="on",
            log_level="warning",
        )
        super().__init__(config)
        self._queue, self._stop_seconds = queue, limits.stop_seconds

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Start to stop. Further signals change nothing: a forced stop would skip the clean-up."""
        super().handle_exit(sig, frame)
        self.force_exit = False

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting requests, end those in progress, and stop the application."""
        ending = asyncio.create_task(self._end_requests())
        await super().shutdown(sockets)
        await ending

    async def _end_requests(self) -> None:
        """Cut unfinished uploads, let the running job finish if it is short, then disconnect."""
        for connection in self._connections():
            if connection.conn.their_state is h11.SEND_BODY:
                connection.transport.abort()
        await self._queue.close(self._stop_seconds)
        deadline = asyncio.get_running_loop().time() + _LAST_ANSWERS_SECONDS
        while self._connections() and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.02)
        for connection in self._connections():
            connection.transport.abort()

    def _connections(self) -> list[Any]:
        return list(self.server_state.connections)


class _BoundedProtocol(H11Protocol):
    """HTTP/1.1 connection that is cut when it has had no request in progress for too long.

    uvicorn's own limit starts after an answer and ends at the first byte of the next request. A
    client that never finishes the head of a request, or never takes the end of an answer, would
    stay connected for ever.
    """

    idle_seconds: float
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def handle_events(self) -> None:
        super().handle_events()
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_timer()

    def _watch(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_timer()
        elif self._timer is None:
            self._timer = self.loop.call_later(self.idle_seconds, self.transport.abort)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
