"""The server put together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from cinegan_jax import __version__
from cinegan_jax.pages.page import SHARED
from cinegan_jax.web.guard import Guard, Places
from cinegan_jax.web.jobs import Jobs, Urgency
from cinegan_jax.web.limits import Limits
from cinegan_jax.web.problems import HANDLERS
from cinegan_jax.web.routes import STATIC, router
from cinegan_jax.web.tasks import WarmUp
from cinegan_jax.web.worker import Worker

PREVIEW_SHAPES = ((683, 1024), (1024, 683), (768, 1024), (1024, 768))
"""Those that are compiled at the start: 3:2 and 4:3, lying and standing."""


def create_app(worker: Worker, limits: Limits) -> ASGIApp:
    """The whole server. The worker starts and stops with it."""
    jobs = Jobs(worker, limits.requests)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(worker.start)
        _warm_up(jobs, worker)
        working = asyncio.create_task(jobs.work())
        try:
            yield
        finally:
            working.cancel()
            worker.stop()

    app = FastAPI(
        title="CineGAN",
        version=__version__,
        summary="Film looks for photographs, at full size.",
        description='Every error is JSON, `{"error": "what is wrong, in words"}`.',
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.worker, app.state.limits, app.state.jobs = worker, limits, jobs
    app.state.tickets = {}
    app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC))
    app.mount("/shared", StaticFiles(directory=SHARED))
    for kind, handler in HANDLERS.items():
        app.add_exception_handler(kind, handler)
    return Guard(Places(app, jobs))


def _warm_up(jobs: Jobs, worker: Worker) -> None:
    """Has the programs of previews compiled while nobody waits."""
    for look in worker.hello.looks:
        for height, width in PREVIEW_SHAPES:
            job = jobs.add(WarmUp(look.name, height, width), Urgency.WARM_UP)
            job.answer.add_done_callback(lambda answer: answer.cancelled() or answer.exception())
