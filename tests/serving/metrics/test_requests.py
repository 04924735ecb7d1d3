from __future__ import annotations

from tests.serving.metrics.measured import Measured


def test_a_request_is_counted_under_its_route_and_code(measured: Measured) -> None:
    measured.metrics.http.answered("/segment", "POST", "200", 0.02)
    route = {"route": "/segment", "method": "POST"}
    assert measured.value("http_requests_total", **route, code="200") == 1
    assert measured.value("http_requests_total", **route, code="503") == 0
    assert measured.value("http_request_duration_seconds_sum", route="/segment") == 0.02


def test_a_request_without_an_answer_has_no_duration(measured: Measured) -> None:
    measured.metrics.http.answered("/segment", "POST", "499", None)
    assert measured.value("http_requests_total", route="/segment", method="POST", code="499") == 1
    assert measured.value("http_request_duration_seconds_count", route="/segment") == 0
