"""HTTP responses to errors: a status and one plain sentence, without internals."""

import logging
from collections.abc import Mapping

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cinegan_jax.core.errors import UserError
from cinegan_jax.web.jobs import ServerStopping
from cinegan_jax.web.worker import JobTooLong, ProcessEnded, TooMuchMemory, WorkerFailed

STOPPING = "The server is stopping. Start it again, then send the photo again."
_GENERIC = "Something went wrong on the server; its log has the details."

_log = logging.getLogger(__name__)


def error_response(
    status: int, text: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Return the JSON response that every error gets: `{"error": text}`."""
    return JSONResponse({"error": text}, status, headers)


def _user_error(_: Request, error: Exception) -> Response:
    return error_response(422, str(error))


def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    parts = (
        f"{part['loc'][1]}: {part['msg'][0].lower()}{part['msg'][1:]}"
        for part in error.errors()
        if part["loc"][-1] != "none"  # the other choice of an optional field
    )
    return error_response(422, "; ".join(parts))


def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return error_response(error.status_code, error.detail, error.headers)


def _stopping(_: Request, error: Exception) -> Response:
    return error_response(503, STOPPING)


def _too_long(request: Request, _: Exception) -> Response:
    seconds = request.app.state.limits.job_seconds
    return error_response(504, f"Stopped: developing took more than {seconds:.0f} seconds.")


def _too_much_memory(request: Request, _: Exception) -> Response:
    most = request.app.state.limits.memory_bytes / 2**30
    return error_response(422, f"Stopped: developing needs more than {most:g} GiB of memory.")


def _process_ended(_: Request, error: Exception) -> Response:
    _log.error("the worker process ended during a job")
    return error_response(500, _GENERIC)


def _worker_failed(_: Request, error: Exception) -> Response:
    _log.error("a job failed: %s", error)
    return error_response(500, _GENERIC)


def _unexpected(_: Request, error: Exception) -> Response:
    return error_response(500, _GENERIC)  # Starlette raises it again, and uvicorn logs it


ERROR_HANDLERS = {
    UserError: _user_error,
    RequestValidationError: _invalid,
    HTTPException: _refused,
    JobTooLong: _too_long,
    TooMuchMemory: _too_much_memory,
    ServerStopping: _stopping,
    ProcessEnded: _process_ended,
    WorkerFailed: _worker_failed,
    Exception: _unexpected,
}
