from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Dict, Set

import pytest
from prometheus_client.parser import text_string_to_metric_families

from runtime.serving.metrics.engine import STAGES
from runtime.serving.metrics.streams import DROP_REASONS, RECONNECT_REASONS, STREAM_STATES
from tests.serving.metrics.measured import Measured

MANUAL = Path(__file__).parents[3] / "docs" / "metrics.md"


def test_every_combination_that_can_occur_starts_at_zero(measured: Measured) -> None:
    for reason in DROP_REASONS:
        assert measured.value("stream_frames_dropped_total", stream="gate", reason=reason) == 0
    for reason in RECONNECT_REASONS:
        assert measured.value("stream_reconnects_total", stream="gate", reason=reason) == 0
    for state in STREAM_STATES:
        assert measured.value("stream_state", stream="gate", state=state) == 0
    for stage in STAGES:
        assert measured.value("inference_duration_seconds_count", stage=stage) == 0
    assert measured.value("inference_requests_total", source="http", result="rejected") == 0
    assert measured.value("http_requests_total", route="/segment", method="POST", code="503") == 0
    assert measured.value("http_request_duration_seconds_count", route="/segment") == 0


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [("", "text/plain"), ("application/openmetrics-text", "application/openmetrics-text")],
)
def test_both_of_prometheus_formats_are_spoken(
    measured: Measured, accept: str, media_type: str
) -> None:
    body, told = measured.metrics.exposition(accept)
    assert told.startswith(media_type)
    assert body.endswith(b"# EOF\n") == (media_type == "application/openmetrics-text")


def exposed(measured: Measured) -> Dict[str, str]:
    text = measured.metrics.exposition()[0].decode()
    return {
        family.name + ("_total" if family.type == "counter" else ""): family.type
        for family in text_string_to_metric_families(text)
    }


def test_the_manual_lists_every_metric_and_no_other(measured: Measured) -> None:
    rows = re.findall(
        r"^\| `(\w+)(?:\{[\w,]*\})?` \| (\w+) \|", MANUAL.read_text("utf-8"), re.MULTILINE
    )
    documented: Dict[str, str] = dict(rows)
    served = {n: t for n, t in exposed(measured).items() if n.startswith("swiftnet_")}
    assert documented == served


def test_labels_in_the_manual_are_the_labels_served(measured: Measured) -> None:
    text = measured.metrics.exposition()[0].decode()
    rows = re.findall(r"^\| `(\w+)\{([\w,]*)\}` \|", MANUAL.read_text("utf-8"), re.MULTILINE)
    for name, labels in rows:
        families = {f.name: f for f in text_string_to_metric_families(text)}
        family = families[name[: -len("_total")] if name.endswith("_total") else name]
        assert {frozenset(s.labels) - {"le"} for s in family.samples} == {
            frozenset(labels.split(","))
        }, name


def test_the_process_is_measured_too(measured: Measured) -> None:
    expected: Set[str] = {"process_resident_memory_bytes", "process_open_fds"}
    assert expected <= set(exposed(measured))


@pytest.mark.prometheus
def test_prometheus_own_linter_finds_nothing(measured: Measured) -> None:
    linted = subprocess.run(
        ["promtool", "check", "metrics"],
        input=measured.metrics.exposition()[0],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert (linted.returncode, linted.stdout.decode()) == (0, "")
