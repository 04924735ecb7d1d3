from __future__ import annotations

import asyncio
import json

import pytest
from fastapi import FastAPI
from starlette.types import Message, Scope

from runtime.errors import (
    BuildFailed,
    EngineFailed,
    Expired,
    InvalidInput,
    Overloaded,
    RuntimeFault,
    SourceFailed,
    TooLarge,
    UnsupportedFormat,
)
from runtime.serving.api.errors import (
    NotAcceptable,
    NotFound,
    UploadTooSlow,
    answer_faults,
    refusal,
)
from tests.serving.api.serving import served


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (InvalidInput("p", "c"), 400),
        (NotFound("p", "c"), 404),
        (NotAcceptable("p", "c"), 406),
        (UploadTooSlow("p", "c"), 408),
        (TooLarge("p", "c"), 413),
        (UnsupportedFormat("p", "c"), 415),
        (SourceFailed("p", "c"), 500),
        (BuildFailed("p", "c"), 500),
        (Overloaded("p", "c", 1.0), 503),
        (Expired("p", "c"), 503),
        (EngineFailed("p", "c"), 503),
    ],
)
def test_every_fault_has_a_status(fault: RuntimeFault, status: int) -> None:
    assert refusal(fault)[0] == status


@pytest.mark.parametrize(("seconds", "header"), [(0.0, "1"), (0.2, "1"), (1.0, "1"), (3.1, "4")])
def test_retry_after_is_whole_seconds_rounded_up(seconds: float, header: str) -> None:
    assert refusal(Overloaded("p", "c", seconds))[1] == {"Retry-After": header}


def test_a_defect_is_admitted_without_a_traceback() -> None:
    app = FastAPI()
    answer_faults(app)

    @app.get("/")
    async def stumble() -> None:
        raise ZeroDivisionError("while the moon was full")

    sent = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    scope: Scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [],
        "app": app,
    }
    # The server above gets the exception, to log it; the client has been answered before.
    with pytest.raises(ZeroDivisionError):
        asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 500
    assert "defect" in json.loads(sent[1]["body"])["error"]
    assert b"moon" not in sent[1]["body"]


@pytest.mark.parametrize(
    ("method", "path", "status", "sentence"),
    [
        ("GET", "/nowhere", 404, "nothing at /nowhere"),
        ("GET", "/web/nothing.js", 404, "no file 'nothing.js'"),
        ("GET", "/streams/gone", 404, "no stream 'gone'"),
        ("GET", "/streams/gone/mjpeg?opacity=x", 400, "opacity"),
        ("DELETE", "/engine", 405, "DELETE is not possible at /engine"),
        ("GET", "/engine/", 404, "nothing at /engine/"),
    ],
)
def test_what_is_not_there_is_said_in_one_sentence(
    method: str, path: str, status: int, sentence: str
) -> None:
    with served() as running:
        answer = running.client.request(method, path)
        assert answer.status_code == status
        assert list(answer.json()) == ["error"]
        assert sentence in answer.json()["error"]
