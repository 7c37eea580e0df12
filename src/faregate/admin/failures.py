"""What went wrong, in OpenAI's shape. Nothing of what was sent is repeated in full."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from faregate.control.errors import ConflictError, FieldError, UnknownEntityError
from faregate.errors import APIError, ConfigError
from faregate.money import MoneyError
from faregate.store.errors import (
    LedgerError,
    LedgerUnavailableError,
    UnknownCallError,
    VersionConflictError,
)

log = logging.getLogger("faregate.admin")

INVALID = "invalid_request_error"


class Problem(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None
    """The field or parameter it is about."""
    code: str


class Failure(BaseModel):
    """An error, as OpenAI's clients read it."""

    error: Problem


def handle(app: FastAPI) -> None:
    """Answer every exception so."""
    for kind in (APIError, ConfigError, MoneyError, LedgerError, ConflictError, UnknownEntityError):
        app.add_exception_handler(kind, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _fault)


def answer(
    status: int, message: str, code: str, kind: str = INVALID, param: str | None = None
) -> JSONResponse:
    """An error's answer."""
    headers = {"www-authenticate": "Bearer"} if status == 401 else {}
    if status == 503:
        headers["retry-after"] = "1"
    error = {"message": message, "type": kind, "param": param, "code": code}
    return JSONResponse({"error": error}, status, headers)


def of_exception(error: Exception) -> JSONResponse | None:
    """The answer to an exception that is raised on purpose; None for any other."""
    if isinstance(error, APIError):
        return answer(error.status_code, error.message, error.code, error.type, error.param)
    if isinstance(error, FieldError):
        return answer(400, str(error), "invalid_request", param=error.field or None)
    if isinstance(error, VersionConflictError):
        return answer(409, str(error), "version_conflict")
    if isinstance(error, ConflictError):
        return answer(409, str(error), "conflict")
    if isinstance(error, UnknownEntityError | UnknownCallError):
        return answer(404, str(error), "not_found")
    if isinstance(error, LedgerUnavailableError):
        return answer(503, str(error), "ledger_unavailable", "server_error")
    if isinstance(error, LedgerError):
        return answer(500, str(error), "ledger_error", "server_error")
    if isinstance(error, ConfigError | MoneyError):
        return answer(400, str(error), "invalid_request")
    return None


async def _known(_request: Request, error: Exception) -> JSONResponse:
    found = of_exception(error)
    if found is None:
        raise error
    return found


async def _fault(_request: Request, error: Exception) -> JSONResponse:
    return answer(
        500,
        f"Faregate failed on this request ({type(error).__name__}); its log says why",
        "internal_error",
        "server_error",
    )


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    path = request.url.path[:200]
    if error.status_code == 404:
        return answer(404, f"no route {request.method} {path}", "not_found")
    if error.status_code == 405:
        said = f"{request.method} is not allowed on {path}"
        return answer(405, said, "method_not_allowed")
    if error.status_code == 413:
        return answer(413, "the request body is too large", "request_too_large")
    return answer(error.status_code, "the request cannot be read", "invalid_request")


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found: Sequence[Mapping[str, Any]] = error.errors()
    first = found[0]
    place = [str(each) for each in first["loc"]]
    field = ".".join(place[1:]) if len(place) > 1 else ""
    if first["type"] == "json_invalid":
        said = first.get("ctx", {}).get("error", "")
        return answer(400, f"the body is no JSON: {said}", "invalid_request")
    if not field:
        message = "a JSON object is expected as the body, with content-type: application/json"
    else:
        message = f"{field}: {_said(first)}"
    more = len(found) - 1
    if more:
        message += f" (and {more} more)"
    return answer(400, message, "invalid_request", param=field or None)


def _said(problem: Mapping[str, Any]) -> str:
    """A problem in words. Never the value: it may be a secret in the wrong place."""
    if problem["type"] == "extra_forbidden":
        return "there is no such field"
    if problem["type"] == "missing":
        return "is missing"
    text = str(problem["msg"])
    return text.removeprefix("Value error, ").removeprefix("Input ")
