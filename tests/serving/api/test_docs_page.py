from __future__ import annotations

from html import unescape
from pathlib import Path

from runtime.serving.api.docs_page import manual_page
from tests.serving.api.serving import served


def test_the_manual_shows_every_operation_of_the_api() -> None:
    with served() as running:
        document = running.client.get("/openapi.json").json()
        page = unescape(running.client.get("/docs").text)
    assert {"/segment", "/engine", "/streams/{stream}/mjpeg", "/metrics", "/readyz"} <= set(
        document["paths"]
    )
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert f"<b>{method.upper()}</b> {path}" in page
            assert operation["summary"] in page
            for parameter in operation.get("parameters", ()):
                assert f"<td>{parameter['name']}</td>" in page


def test_segment_is_described_with_its_parameters_bounds_and_faults() -> None:
    with served() as running:
        operation = running.client.get("/openapi.json").json()["paths"]["/segment"]["post"]
    parameters = {parameter["name"]: parameter for parameter in operation["parameters"]}
    assert set(parameters) == {"format", "size", "opacity", "quality", "epsilon"}
    assert parameters["opacity"]["schema"]["maximum"] == 1
    assert parameters["size"]["schema"]["enum"] == ["frame", "model"]
    faults = {"400", "401", "403", "406", "408", "413", "415", "421", "503"}
    assert set(operation["responses"]) == {"200", *faults}
    assert "image/jpeg" in operation["requestBody"]["content"]


def test_bad_parameters_are_described_as_they_are_answered() -> None:
    with served() as running:
        document = running.client.get("/openapi.json").json()
        answer = running.client.get("/streams/x/overlay?opacity=2")
    operation = document["paths"]["/streams/{stream}/overlay"]["get"]
    assert answer.status_code == 400
    assert {"400", "404"} <= set(operation["responses"])
    assert "422" not in str(document)
    assert "ValidationError" not in str(document)


def test_what_an_api_says_about_itself_cannot_become_markup() -> None:
    hostile = "<script>alert(1)</script>"
    page = manual_page(
        {
            "info": {"title": hostile, "version": "1"},
            "paths": {"/x": {"get": {"summary": hostile, "responses": {}}}},
        }
    )
    assert "<script>" not in page


def test_the_written_manual_names_every_address_and_parameter() -> None:
    written = (Path(__file__).parents[3] / "docs" / "http-api.md").read_text(encoding="utf-8")
    with served() as running:
        document = running.client.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert f"`{method.upper()} {path}`" in written
            for parameter in operation.get("parameters", ()):
                name = parameter["name"]
                assert any(form in written for form in (f"`{name}`", f"`?{name}=`", f"{{{name}}}"))
