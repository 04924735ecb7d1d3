"""The one place where faults become responses: `{"error": "<one sentence>"}` and a status."""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import Any, Dict, Mapping, Optional, Tuple, Type, Union

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from runtime.errors import (
    EngineFailed,
    Expired,
    InvalidInput,
    Overloaded,
    RuntimeFault,
    TooLarge,
    UnsupportedFormat,
)

# A supervisor restarts a daemon whose engine failed; by then it has reloaded.
RESTART_SECONDS = 10.0
MOST_SHOWN = 80


class NotAcceptable(InvalidInput):
    """An Accept header that names no format the daemon can answer in."""


class UploadTooSlow(InvalidInput):
    """A body that did not arrive in time."""


class NotFound(InvalidInput):
    """A stream, frame or page that does not exist."""


class AccessRefused(InvalidInput):
    """A request that may not come in.

    Args:
        problem: one clause on what it lacks, without what it brought: that may be a secret.
        cure: one clause on how to come in.
        challenge: what the WWW-Authenticate header adds to the scheme; None for no such header,
            where no token would help.
    """

    def __init__(self, problem: str, cure: str, challenge: Optional[str] = None) -> None:
        super().__init__(problem, cure)
        self.challenge = challenge


class Unauthorized(AccessRefused):
    """A request without a token that lets in."""

    def __init__(self, problem: str, cure: str, challenge: str = "") -> None:
        super().__init__(problem, cure, challenge)


class Forbidden(AccessRefused):
    """A request of somebody who may not ask for this."""


class ForeignHost(AccessRefused):
    """A request for a host that is not this one."""


STATUS: Mapping[Type[BaseException], HTTPStatus] = {
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    ForeignHost: HTTPStatus.MISDIRECTED_REQUEST,
    NotFound: HTTPStatus.NOT_FOUND,
    NotAcceptable: HTTPStatus.NOT_ACCEPTABLE,
    UploadTooSlow: HTTPStatus.REQUEST_TIMEOUT,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnsupportedFormat: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    InvalidInput: HTTPStatus.BAD_REQUEST,
    Overloaded: HTTPStatus.SERVICE_UNAVAILABLE,
    Expired: HTTPStatus.SERVICE_UNAVAILABLE,
    EngineFailed: HTTPStatus.SERVICE_UNAVAILABLE,
    RuntimeFault: HTTPStatus.INTERNAL_SERVER_ERROR,
}


def error_responses(*statuses: int) -> Dict[Union[int, str], Dict[str, Any]]:
    """What OpenAPI shows for these statuses."""
    body = {
        "type": "object",
        "required": ["error"],
        "properties": {"error": {"type": "string", "description": "one sentence with the cure"}},
    }
    return {
        str(status): {
            "description": HTTPStatus(status).phrase,
            "content": {"application/json": {"schema": body}},
        }
        for status in statuses
    }


def answer_faults(app: FastAPI) -> None:
    """Lets everything that leaves a route of `app` as an exception become a response."""
    for kind in (RuntimeFault, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, _answer)


def refusal(fault: RuntimeFault) -> Tuple[HTTPStatus, Dict[str, str]]:
    """Status and extra headers for a fault, by the nearest class that has one."""
    status = next(STATUS[kind] for kind in type(fault).__mro__ if kind in STATUS)
    if isinstance(fault, AccessRefused):
        return status, _challenge(fault)
    wait: Optional[float] = None
    if isinstance(fault, Overloaded):
        wait = fault.retry_after
    elif isinstance(fault, Expired):
        wait = 1.0
    elif isinstance(fault, EngineFailed):
        wait = RESTART_SECONDS
    # The header knows whole seconds only, and 0 would invite the client back at once.
    return status, {} if wait is None else {"Retry-After": str(max(1, math.ceil(wait)))}


async def refuse(fault: RuntimeFault, scope: Scope, receive: Receive, send: Send) -> None:
    """Answers a connection that middleware does not let through."""
    if scope["type"] == "websocket":
        # Before the handshake is accepted this becomes 403, which has no room for a sentence.
        await send({"type": "websocket.close", "code": 1008})
        return
    await _fault_response(fault)(scope, receive, send)


def _challenge(fault: AccessRefused) -> Dict[str, str]:
    if fault.challenge is None:
        return {}
    more = f", {fault.challenge}" if fault.challenge else ""
    return {"WWW-Authenticate": f'Bearer realm="swiftnet"{more}', "Cache-Control": "no-store"}


def _fault_response(fault: RuntimeFault) -> Response:
    status, headers = refusal(fault)
    return _sentence(status, str(fault), headers)


async def _answer(request: Request, error: Exception) -> Response:
    if isinstance(error, RuntimeFault):
        return _fault_response(error)
    if isinstance(error, RequestValidationError):
        return _sentence(HTTPStatus.BAD_REQUEST, _parameter_sentence(error.errors()[0]))
    if isinstance(error, HTTPException):
        headers = dict(error.headers or {})
        if headers.get("Allow") == "GET":
            headers["Allow"] = "GET, HEAD"
        return _sentence(error.status_code, _routing_sentence(request, error), headers)
    # The server logs the traceback; a client has no use for it, an attacker has.
    return _sentence(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "This is a defect of the daemon; its log has the details.",
    )


def _parameter_sentence(refused: Mapping[str, Any]) -> str:
    name = refused["loc"][-1]
    if refused["type"] == "extra_forbidden":
        return f"There is no parameter {shown(name)} here; see /docs."
    return f"{name} = {shown(refused['input'])} is refused: {refused['msg']}."


def shown(value: object) -> str:
    """What somebody sent, quoted and cut to what fits a sentence."""
    text = repr(value)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."


def _routing_sentence(request: Request, error: HTTPException) -> str:
    # request.url would believe the Host header; the scope does not.
    path = request.scope["path"]
    if error.status_code == HTTPStatus.NOT_FOUND:
        return f"There is nothing at {path}; see /docs."
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return f"{request.method} is not possible at {path}; see /docs."
    return f"{error.detail}."


def _sentence(status: int, error: str, headers: Optional[Mapping[str, str]] = None) -> Response:
    # A plain number: before Python 3.11 an HTTPStatus does not print as one.
    return JSONResponse({"error": error}, int(status), headers=dict(headers or {}))
