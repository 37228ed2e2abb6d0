"""Assembly of the server: routes, static files, error handlers, access rules and the worker."""

import asyncio
import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from cinegan_jax import __version__
from cinegan_jax.pages.page import SHARED_STATIC
from cinegan_jax.web.error_responses import ERROR_HANDLERS
from cinegan_jax.web.guard import OriginGuard, RequestSlots
from cinegan_jax.web.http_server import DarkroomServer
from cinegan_jax.web.interface import describe_choices
from cinegan_jax.web.jobs import JobQueue, Urgency, WarmUp
from cinegan_jax.web.limits import ServerLimits
from cinegan_jax.web.routes import PAGE_FILES, router
from cinegan_jax.web.worker import Worker

PREVIEW_SHAPES = ((683, 1024), (1024, 683), (768, 1024), (1024, 768))
"""Preview shapes compiled at the start: 3:2 and 4:3, landscape and portrait."""


def create_server(worker: Worker, limits: ServerLimits) -> DarkroomServer:
    """Create the complete server. The worker starts and stops with it."""
    queue = JobQueue(worker, limits.requests)
    return DarkroomServer(create_app(worker, queue, limits), queue, limits)


def create_app(worker: Worker, queue: JobQueue, limits: ServerLimits) -> ASGIApp:
    """Create the application: routes, files, error handlers and access rules."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(worker.start)
        _warm_up(queue, worker)
        working = asyncio.create_task(queue.work())
        try:
            yield
        finally:
            working.cancel()
            worker.stop()

    app = FastAPI(
        title="CineGAN",
        version=__version__,
        summary="Film looks for photographs, at full size.",
        description='Every error is JSON: `{"error": "a sentence that says what is wrong"}`.',
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.openapi = functools.partial(describe_choices, app, worker)  # type: ignore[method-assign]
    app.state.worker, app.state.limits, app.state.queue = worker, limits, queue
    app.state.tickets = {}
    app.include_router(router)
    app.mount("/static", StaticFiles(directory=PAGE_FILES))
    app.mount("/shared", StaticFiles(directory=SHARED_STATIC))
    for kind, handler in ERROR_HANDLERS.items():
        app.add_exception_handler(kind, handler)
    return OriginGuard(RequestSlots(app, queue, limits))


def _warm_up(queue: JobQueue, worker: Worker) -> None:
    """Compile the programs of previews while no client waits."""
    for look in worker.info.looks:
        for height, width in PREVIEW_SHAPES:
            job = queue.add(WarmUp(look.name, height, width), Urgency.WARM_UP)
            job.answer.add_done_callback(lambda answer: answer.cancelled() or answer.exception())
