"""The HTTP interface."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Form, Query, UploadFile
from pydantic import BaseModel, BeforeValidator
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from cinegan_jax.web.jobs import Job, Urgency
from cinegan_jax.web.tasks import Develop, MakeLut
from cinegan_jax.web.transfers import UploadRoute, download, plain_name

STATIC = Path(__file__).with_name("static")
SAMPLE = Path(__file__).parents[1] / "data" / "sample_photos" / "neuschwanstein-castle.jpg"

FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {}}, "description": "The file."},
    429: {"description": "The queue is full; Retry-After says for how many seconds."},
}

router = APIRouter(route_class=UploadRoute)


class LookOut(BaseModel):
    """A look that photos can be given."""

    name: str
    description: str


class LimitsOut(BaseModel):
    """What the server takes on."""

    body_bytes: int
    pixels: int
    whole_pixels: int
    requests: int
    upload_seconds: float
    job_seconds: float
    suffixes: list[str]


class HealthOut(BaseModel):
    """Requests that are served, and jobs that wait; among them what is compiled at the start."""

    status: Literal["ok"] = "ok"
    requests: int
    waiting: int


class ProgressOut(BaseModel):
    """How far a photo is: photos ahead of it where it waits, the share done where it is developed.

    Its ticket is unknown before it has arrived and after it has been answered.
    """

    state: Literal["unknown", "waiting", "developing"] = "unknown"
    ahead: int = 0
    share: float = 0.0


@router.post("/v1/apply", response_class=Response, responses=FILE)
async def apply(
    request: Request,
    photo: Annotated[UploadFile, File(description="JPEG, PNG, WebP, TIFF, HEIC, AVIF, BMP or RAW")],
    look: Annotated[str, Form(description="a name of /v1/looks")],
    strength: Annotated[float, Form(ge=0, le=1.5, allow_inf_nan=False)] = 1.0,
    grain: Annotated[float, Form(ge=0, le=4, allow_inf_nan=False)] = 0.0,
    method: Annotated[Literal["transfer", "tiles", "whole"], Form()] = "transfer",
    format: Annotated[str | None, Form(description="of the answer; else the photo's own")] = None,
    quality: Annotated[int | None, Form(ge=1, le=100, description="else the photo's own")] = None,
    max_side: Annotated[
        int | None, Form(ge=1, le=20000, description="for a preview: reduce the photo to it")
    ] = None,
    ticket: Annotated[
        str | None,
        Form(pattern="^[0-9A-Za-z-]{8,64}$", description="your own, to ask /v1/progress with"),
    ] = None,
) -> Response:
    """A photo with a look, at its own size, with its metadata."""
    name = plain_name(photo.filename or "")
    task = Develop(
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
    jobs, tickets = request.app.state.jobs, request.app.state.tickets
    job = jobs.add(task, Urgency.PREVIEW if max_side else Urgency.FULL_SIZE)
    with _held(tickets, ticket, job):
        return await download(request, job, f"{PurePath(name).stem}-{look}")


@router.get("/v1/progress/{ticket}")
async def progress(request: Request, ticket: str) -> ProgressOut:
    """How far the photo is that was sent with a ticket."""
    job: Job | None = request.app.state.tickets.get(ticket)
    if job is None:
        return ProgressOut()
    ahead = request.app.state.jobs.ahead_of(job)
    if ahead is None:
        return ProgressOut(state="developing", share=job.share)
    return ProgressOut(state="waiting", ahead=ahead)


@router.get("/v1/lut", response_class=Response, responses=FILE)
async def lut(
    request: Request,
    look: Annotated[str, Query(description="a name of /v1/looks")],
    size: Annotated[
        Literal[17, 33, 65],
        BeforeValidator(int),  # an address holds text, which is none of these
        Query(description="nodes an axis, of a .cube"),
    ] = 33,
    format: Annotated[Literal["cube", "hald"], Query()] = "cube",
) -> Response:
    """A look's colour as a LUT file for other programs."""
    job = request.app.state.jobs.add(MakeLut(look, size, format), Urgency.FULL_SIZE)
    return await download(request, job, plain_name(look))


@router.get("/v1/looks")
def looks(request: Request) -> list[LookOut]:
    """The looks that are installed here."""
    return [LookOut(**asdict(look)) for look in request.app.state.worker.hello.looks]


@router.get("/v1/limits")
def limits(request: Request) -> LimitsOut:
    """What the server takes on, and the endings of the files that it reads."""
    suffixes = list(request.app.state.worker.hello.suffixes)
    return LimitsOut(**asdict(request.app.state.limits), suffixes=suffixes)


@router.get("/healthz")
async def healthz(request: Request) -> HealthOut:
    """That the server is there, and how busy it is."""
    jobs = request.app.state.jobs
    return HealthOut(requests=jobs.requests, waiting=len(jobs.waiting))


@router.get("/", include_in_schema=False)
def page() -> FileResponse:
    """The page."""
    return FileResponse(STATIC / "index.html")


@router.get("/static/sample.jpg", include_in_schema=False)
def sample() -> FileResponse:
    """A photo to try, one of those that the package carries."""
    return FileResponse(SAMPLE)


@router.get("/docs", include_in_schema=False)
def docs() -> FileResponse:
    """The OpenAPI description for people; FastAPI's own page needs the internet."""
    return FileResponse(STATIC / "docs.html")


@contextmanager
def _held(tickets: dict[str, Job], ticket: str | None, job: Job) -> Iterator[None]:
    """Lets a job be found by its ticket, for as long as somebody waits for it."""
    if ticket is None:
        yield
        return
    tickets[ticket] = job
    try:
        yield
    finally:
        tickets.pop(ticket, None)
