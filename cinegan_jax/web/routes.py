"""Routes of the HTTP interface and of the page."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path, PurePath
from typing import Annotated

from fastapi import APIRouter, Form, Query
from fastapi import Path as InPath
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from cinegan_jax.core.errors import UserError
from cinegan_jax.web.downloads import download, plain_name
from cinegan_jax.web.interface import (
    LIGHT,
    SETTINGS,
    TICKET,
    ApplyForm,
    HealthOut,
    LimitsOut,
    LookOut,
    LutQuery,
    ProgressOut,
    errors,
    file,
)
from cinegan_jax.web.jobs import DevelopPhoto, Job, LookFile, MakeLut, Urgency, WorkerInfo
from cinegan_jax.web.uploads import UploadRoute

PAGE_FILES = Path(__file__).with_name("static")
_SAMPLE = Path(__file__).parents[1] / "data" / "sample_photos" / "neuschwanstein-castle.jpg"

router = APIRouter(route_class=UploadRoute, responses=errors(403))


@router.post(
    "/v1/apply",
    response_class=Response,
    responses=file("image/*", notes=True) | errors(400, 408, 413, 415, 422, 429, 500, 503, 504),
)
async def post_apply(
    request: Request, form: Annotated[ApplyForm, Form(media_type="multipart/form-data")]
) -> Response:
    """Apply a look to a photo. The result keeps the photo's size and metadata."""
    look = await _chosen_look(form, request.app.state.worker.info)
    name, look_name = plain_name(form.photo.filename or ""), _name_of(look)
    task = DevelopPhoto(
        photo=await form.photo.read(),
        name=name,
        look=look,
        settings=form.model_dump(include=SETTINGS, exclude_none=True),
        light=form.model_dump(include=LIGHT),
        format=form.format,
        quality=form.quality,
        max_side=form.max_side,
    )
    await form.photo.close()
    queue, tickets = request.app.state.queue, request.app.state.tickets
    job = queue.add(task, Urgency.PREVIEW if form.max_side else Urgency.FULL_SIZE)
    with _registered(tickets, form.ticket, job):
        return await download(request, job, f"{PurePath(name).stem}-{look_name}")


@router.get("/v1/progress/{ticket}", responses=errors(422))
async def get_progress(
    request: Request, ticket: Annotated[str, InPath(pattern=TICKET)]
) -> ProgressOut:
    """Return the progress of the photo that was sent with this ticket."""
    job: Job | None = request.app.state.tickets.get(ticket)
    if job is None:
        return ProgressOut()
    ahead = request.app.state.queue.ahead_of(job)
    if ahead is None:
        return ProgressOut(state="developing", share=job.share)
    return ProgressOut(state="waiting", ahead=ahead)


@router.get(
    "/v1/lut",
    response_class=Response,
    responses=file("text/plain", "image/png") | errors(422, 429, 500, 503, 504),
)
async def get_lut(request: Request, query: Annotated[LutQuery, Query()]) -> Response:
    """Return the colours of a look as a LUT file for other programs."""
    request.app.state.worker.info.check(query.look)
    task = MakeLut(query.look, query.size, query.format)
    job = request.app.state.queue.add(task, Urgency.FULL_SIZE)
    return await download(request, job, plain_name(query.look))


@router.get("/v1/looks")
def get_looks(request: Request) -> list[LookOut]:
    """List the available looks."""
    return [LookOut(**asdict(look)) for look in request.app.state.worker.info.looks]


@router.get("/v1/limits")
def get_limits(request: Request) -> LimitsOut:
    """Return the limits of the server and the file name suffixes that it reads."""
    limits, info = request.app.state.limits, request.app.state.worker.info
    return LimitsOut(**asdict(limits), suffixes=info.suffixes, look_suffixes=info.look_suffixes)


@router.get("/healthz")
async def get_health(request: Request) -> HealthOut:
    """Report that the server is running, and how busy it is."""
    queue = request.app.state.queue
    return HealthOut(requests=queue.requests, waiting=len(queue.waiting))


@router.get("/", include_in_schema=False)
def get_page() -> FileResponse:
    """Return the page."""
    return FileResponse(PAGE_FILES / "index.html")


@router.get("/static/sample.jpg", include_in_schema=False)
def get_sample() -> FileResponse:
    """Return one of the photos that the package contains, to try the page with."""
    return FileResponse(_SAMPLE)


@router.get("/docs", include_in_schema=False)
def get_docs() -> FileResponse:
    """Return the readable API description; FastAPI's own page needs the internet."""
    return FileResponse(PAGE_FILES / "docs.html")


@contextmanager
def _registered(tickets: dict[str, Job], ticket: str | None, job: Job) -> Iterator[None]:
    """Make a job available under its ticket while a client waits for it."""
    if ticket is None:
        yield
        return
    tickets[ticket] = job
    try:
        yield
    finally:
        tickets.pop(ticket, None)


async def _chosen_look(form: ApplyForm, info: WorkerInfo) -> str | LookFile:
    """Return the look of a form, after a check of its names."""
    if form.look_file is None:
        look = info.looks[0].name if form.look is None else form.look
        info.check(look, form.format)
        return look
    if form.look is not None:
        raise UserError("look and look_file are both given: give one of them")
    info.check(info.looks[0].name, form.format)
    name = plain_name(form.look_file.filename or "")
    content = await form.look_file.read()
    await form.look_file.close()
    return LookFile(content, name)


def _name_of(look: str | LookFile) -> str:
    return PurePath(look.name).stem if isinstance(look, LookFile) else look
