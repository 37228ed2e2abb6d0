"""Data types of the HTTP interface: forms, queries and answers, with their limits and meaning."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import FastAPI, UploadFile
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from cinegan_jax.web.downloads import NOTES_HEADER
from cinegan_jax.web.limits import ServerLimits
from cinegan_jax.web.worker import Worker

TICKET = "^[0-9A-Za-z-]{8,64}$"
_Fraction = Annotated[float, Field(allow_inf_nan=False)]
_Amount = Annotated[_Fraction, Field(ge=0, le=4)]
_Quality = Annotated[int, Field(ge=1, le=100)]
_Side = Annotated[int, Field(ge=1, le=20000)]
_Ticket = Annotated[str, Field(pattern=TICKET)]
_WHITE_BALANCE = "^(camera|daylight|auto|[2-9][0-9]{3}|1[0-9]{4}|2[0-4][0-9]{3}|25000)$"


class ApplyForm(BaseModel):
    """Form of `/v1/apply`: a photo, a look, and how to apply it."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"not": {"required": ["look", "look_file"]}}
    )

    photo: Annotated[
        UploadFile, Field(description="a photo in any format of /v1/limits; the content decides")
    ]
    look: Annotated[
        str | SkipJsonSchema[None],
        Field(description="a name from /v1/looks; default: the first of them"),
    ] = None
    look_file: Annotated[
        UploadFile | SkipJsonSchema[None],
        Field(description="a look of your own in place of `look`: .safetensors, .cube or HaldCLUT"),
    ] = None
    strength: Annotated[_Fraction, Field(ge=0, le=1.5, description="1: the look as it is")] = 1.0
    grain: Annotated[_Fraction, Field(ge=0, le=4, description="1: the grain of the film")] = 0.0
    grain_size: Annotated[
        _Fraction, Field(ge=0.25, le=4, description="1: the size of the film's grain")
    ] = 1.0
    halation: Annotated[
        _Amount | SkipJsonSchema[None],
        Field(description="red glow around highlights; default: the look's own"),
    ] = None
    bloom: Annotated[
        _Amount | SkipJsonSchema[None],
        Field(description="glow of all light, as of a diffusion filter; default: the look's own"),
    ] = None
    colour_filter: Annotated[
        Literal["yellow", "orange", "red", "green", "blue"] | SkipJsonSchema[None],
        Field(description="in front of the lens, for looks that are black and white"),
    ] = None
    exposure: Annotated[
        _Fraction, Field(ge=-5, le=5, description="EV before the look; 1 doubles the light")
    ] = 0.0
    white_balance: Annotated[
        str,
        Field(
            pattern=_WHITE_BALANCE,
            description="before the look: camera, daylight (RAW), auto, or the colour temperature "
            "of the light, 2000 to 25000 kelvin",
        ),
    ] = "camera"
    method: Literal["transfer", "tiles", "whole"] = "transfer"
    format: Annotated[
        str | SkipJsonSchema[None], Field(description="of the result; default: the photo's own")
    ] = None
    quality: Annotated[
        _Quality | SkipJsonSchema[None], Field(description="default: the photo's own")
    ] = None
    max_side: Annotated[
        _Side | SkipJsonSchema[None],
        Field(description="reduce the long side to this first, for a preview"),
    ] = None
    ticket: Annotated[
        _Ticket | SkipJsonSchema[None], Field(description="an id you choose, for /v1/progress")
    ] = None


SETTINGS = {"method", "strength", "grain", "grain_size", "halation", "bloom", "colour_filter"}
"""Fields of `ApplyForm` that are fields of `inference.develop.Settings`."""
LIGHT = {"exposure", "white_balance"}
"""Fields of `ApplyForm` that are fields of `photos.light.Light`."""


class LutQuery(BaseModel):
    """Query of `/v1/lut`."""

    model_config = ConfigDict(extra="forbid")

    look: Annotated[str, Field(description="a name from /v1/looks")]
    size: Annotated[
        Literal[17, 33, 65],
        BeforeValidator(int),  # a query parameter is text, which no literal equals
        Field(description="nodes per axis of a .cube"),
    ] = 33
    format: Literal["cube", "hald"] = "cube"


class LookOut(BaseModel):
    """An available look, with the halation and bloom that it adds by default."""

    name: str
    description: str
    monochrome: bool
    halation: float
    bloom: float


@dataclass(frozen=True)
class LimitsOut(ServerLimits):
    """Limits of the server, and the file name suffixes of the photos and looks that it reads."""

    suffixes: tuple[str, ...] = ()
    look_suffixes: tuple[str, ...] = ()


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


class ErrorOut(BaseModel):
    """Answer of every request that fails."""

    error: Annotated[str, Field(description="what is wrong, and what to do")]


_ERRORS = {
    400: "The form cannot be read.",
    403: "The request comes from another site.",
    408: "The photo arrived too slowly.",
    413: "A file is too large.",
    415: "The body is not a form, or not in UTF-8.",
    422: "A value is wrong, or the photo cannot be developed; it stays so if sent again.",
    429: "The queue is full; Retry-After gives the seconds to wait.",
    500: "The server failed.",
    503: "The server is stopping.",
    504: "Developing the photo took too long.",
}
_Responses = dict[int | str, dict[str, Any]]


def errors(*statuses: int) -> _Responses:
    """Return the description of error responses."""
    return {status: {"model": ErrorOut, "description": _ERRORS[status]} for status in statuses}


def file(*media_types: str, notes: bool = False) -> _Responses:
    """Return the description of a file as the response, with the header of its notes."""
    content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in media_types}
    header = {
        "description": "what the user should know, such as metadata that the format cannot hold; "
        "lines of UTF-8, percent-encoded",
        "schema": {"type": "string"},
    }
    headers = {NOTES_HEADER: header} if notes else {}
    return {200: {"content": content, "headers": headers, "description": "The file."}}


def describe_choices(app: FastAPI, worker: Worker) -> dict[str, Any]:
    """Return the OpenAPI description of an app with the looks and formats that it offers."""
    info = worker.info
    described = FastAPI.openapi(app)
    form = described["components"]["schemas"]["ApplyForm"]["properties"]
    query = described["paths"]["/v1/lut"]["get"]["parameters"]
    _list_choices(form["look"], (look.name for look in info.looks))
    _list_choices(form["format"], info.formats)
    _list_choices(query[0]["schema"], (look.name for look in info.looks))
    return described


def _list_choices(schema: dict[str, Any], choices: Iterable[str]) -> None:
    schema["enum"] = list(choices)
