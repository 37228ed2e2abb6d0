"""Routes of the HTTP interface and of the page."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Form, Query, UploadFile
from pydantic import BaseModel, BeforeValidator
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from cinegan_jax.web.jobs import DevelopPhoto, Job, MakeLut, Urgency
from cinegan_jax.web.transfers import UploadRoute, download, plain_name

PAGE_FILES = Path(__file__).with_name("static")
_SAMPLE = Path(__file__).parents[1] / "data" / "sample_photos" / "neuschwanstein-castle.jpg"

_FILE_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {}}, "description": "The file."},
    429: {"description": "The queue is full; Retry-After gives the seconds to wait."},
}

router = APIRouter(route_class=UploadRoute)


class LookOut(BaseModel):
    """An available look."""

    name: str
    description: str


class LimitsOut(BaseModel):
    """Limits of the server, and the file name suffixes that it reads."""

    body_bytes: int
    pixels: int
    whole_pixels: int
    requests: int
    upload_seconds: float
    job_seconds: float
    suffixes: list[str]


class HealthOut(BaseModel):
    """Number of requests being served and of waiting jobs, compilations at the start included."""

    status: Literal["ok"] = "ok"
    requests: int
    waiting: int


class ProgressOut(BaseModel):
    """Progress of a photo: photos ahead of it while it waits, then the completed fraction.

    A ticket is unknown before its photo has arrived and after it has been answered.
    """

    state: Literal["unknown", "waiting", "developing"] = "unknown"
    ahead: int = 0
    share: float = 0.0


@router.post("/v1/apply", response_class=Response, responses=_FILE_RESPONSES)
async def post_apply(
    request: Request,
    photo: Annotated[UploadFile, File(description="JPEG, PNG, WebP, TIFF, HEIC, AVIF, BMP or RAW")],
    look: Annotated[str, Form(description="a name from /v1/looks")],
    strength: Annotated[float, Form(ge=0, le=1.5, allow_inf_nan=False)] = 1.0,
    grain: Annotated[float, Form(ge=0, le=4, allow_inf_nan=False)] = 0.0,
    method: Annotated[Literal["transfer", "tiles", "whole"], Form()] = "transfer",
    format: Annotated[
        str | None, Form(description="format of the result; default: the photo's own")
    ] = None,
    quality: Annotated[
        int | None, Form(ge=1, le=100, description="default: the photo's own")
    ] = None,
    max_side: Annotated[
        int | None,
        Form(ge=1, le=20000, description="reduce the long side to this first, for a preview"),
    ] = None,
    ticket: Annotated[
        str | None,
        Form(pattern="^[0-9A-Za-z-]{8,64}$", description="an id you choose, for /v1/progress"),
    ] = None,
) -> Response:
    """Apply a look to a photo. The result keeps the photo's size and metadata."""
    name = plain_name(photo.filename or "")
    task = DevelopPhoto(
        photo=await photo.read(),
        name=name,
        look=look,
        method=method,
        strength=strength,
        grain=grain,
        format=format,
        quality=quality,
        max_side=max_side,
    )
    await photo.close()
    queue, tickets = request.app.state.queue, request.app.state.tickets
    job = queue.add(task, Urgency.PREVIEW if max_side else Urgency.FULL_SIZE)
    with _registered(tickets, ticket, job):
        return await download(request, job, f"{PurePath(name).stem}-{look}")


@router.get("/v1/progress/{ticket}")
async def get_progress(request: Request, ticket: str) -> ProgressOut:
    """Return the progress of the photo that was sent with this ticket."""
    job: Job | None = request.app.state.tickets.get(ticket)
    if job is None:
        return ProgressOut()
    ahead = request.app.state.queue.ahead_of(job)
    if ahead is None:
        return ProgressOut(state="developing", share=job.share)
    return ProgressOut(state="waiting", ahead=ahead)


@router.get("/v1/lut", response_class=Response, responses=_FILE_RESPONSES)
async def get_lut(
    request: Request,
    look: Annotated[str, Query(description="a name from /v1/looks")],
    size: Annotated[
        Literal[17, 33, 65],
        BeforeValidator(int),  # a query parameter is text, which no literal equals
        Query(description="nodes per axis of a .cube"),
    ] = 33,
    format: Annotated[Literal["cube", "hald"], Query()] = "cube",
) -> Response:
    """Return the colours of a look as a LUT file for other programs."""
    job = request.app.state.queue.add(MakeLut(look, size, format), Urgency.FULL_SIZE)
    return await download(request, job, plain_name(look))


@router.get("/v1/looks")
def get_looks(request: Request) -> list[LookOut]:
    """List the available looks."""
    return [LookOut(**asdict(look)) for look in request.app.state.worker.info.looks]


@router.get("/v1/limits")
def get_limits(request: Request) -> LimitsOut:
    """Return the limits of the server and the file name suffixes that it reads."""
    suffixes = list(request.app.state.worker.info.suffixes)
    return LimitsOut(**asdict(request.app.state.limits), suffixes=suffixes)


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
