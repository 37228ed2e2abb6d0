"""What each error becomes for the client: a status and one plain sentence, never internals."""

import logging
from collections.abc import Mapping

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cinegan_jax.core.errors import UserError
from cinegan_jax.web.worker import JobTooLong, WorkerFailed

log = logging.getLogger(__name__)

GENERIC = "Something went wrong here; the server's own log says what."


def problem(status: int, text: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Every error looks like this."""
    return JSONResponse({"error": text}, status, headers)


def _user_error(_: Request, error: Exception) -> Response:
    return problem(422, str(error))


def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    parts = (f"{part['loc'][-1]}: {part['msg'].lower()}" for part in error.errors())
    return problem(422, "; ".join(parts))


def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, error.detail, error.headers)


def _too_long(request: Request, _: Exception) -> Response:
    seconds = request.app.state.limits.job_seconds
    return problem(504, f"This took more than {seconds:.0f} seconds and was given up.")


def _worker_failed(_: Request, error: Exception) -> Response:
    log.error("a job failed: %s", error)
    return problem(500, GENERIC)


def _unexpected(_: Request, error: Exception) -> Response:
    return problem(500, GENERIC)  # Starlette raises it again, and uvicorn logs it


HANDLERS = {
    UserError: _user_error,
    RequestValidationError: _invalid,
    HTTPException: _refused,
    JobTooLong: _too_long,
    WorkerFailed: _worker_failed,
    Exception: _unexpected,
}
