from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Dict, Set, get_args

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from runtime.jetson import Jetson
from runtime.jetson.collector import JetsonCollector
from runtime.manifest import Evidence
from runtime.metrics import (
    DROP_REASONS,
    RECONNECT_REASONS,
    SECONDS,
    STAGES,
    STREAM_STATES,
    Metrics,
)
from runtime.sources import LossReason
from runtime.status import StreamState
from tests.engines import fake_build, small_manifest
from tests.jetsons import write_tree, write_xavier

MANUAL = Path(__file__).parent.parent / "docs" / "metrics.md"


class Measured:
    """Metrics of a daemon on a Jetson with an engine and a stream, and a way to read them."""

    def __init__(self, jetson: Path) -> None:
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)
        evidence = Evidence(
            dataset="camvid", split="test", seen_in_training=False, images=3, miou=0.6, iou={}
        )
        build = fake_build().model_copy(update={"evidence": [evidence]})
        self.metrics.engine.loaded(small_manifest([build]), build, 1.5)
        self.metrics.http.expect("/segment", "POST", ("200", "503"))
        self.metrics.stream("gate")
        self.metrics.add(JetsonCollector(Jetson(jetson)))

    def value(self, name: str, **labels: str) -> float:
        value = self.registry.get_sample_value(f"swiftnet_{name}", labels)
        assert value is not None, f"{name} {labels} does not exist"
        return value


@pytest.fixture
def measured(tmp_path: Path) -> Measured:
    root = write_xavier(tmp_path)
    write_tree(root, {"sys/class/hwmon/hwmon4/oc1_event_cnt": 0})
    return Measured(root)


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


def test_reasons_and_states_are_those_of_the_rooms_that_report_them() -> None:
    assert set(get_args(LossReason)) == set(RECONNECT_REASONS)
    assert {state.lower() for state in get_args(StreamState)} == set(STREAM_STATES)


def test_durations_fall_into_the_buckets_of_an_edge_device(measured: Measured) -> None:
    measured.metrics.inference.took({"infer": 0.004})
    below = {
        bound: measured.value("inference_duration_seconds_bucket", stage="infer", le=str(bound))
        for bound in SECONDS
    }
    assert [bound for bound in SECONDS if below[bound] == 1] == [b for b in SECONDS if b >= 0.004]


def test_a_stream_is_in_one_state_at_a_time(measured: Measured) -> None:
    stream = measured.metrics.stream("gate")
    for state in STREAM_STATES:
        stream.entered(state)
        states = {s: measured.value("stream_state", stream="gate", state=s) for s in STREAM_STATES}
        assert [s for s, value in states.items() if value] == [state]
        assert measured.value("stream_up", stream="gate") == (state == "running")


def test_a_stream_keeps_its_counts_under_its_name(measured: Measured) -> None:
    measured.metrics.stream("gate").captured(at=1000.5, count=3)
    measured.metrics.stream("dock").captured(at=2000.0)
    measured.metrics.stream("gate").published(age=0.03)
    assert measured.value("stream_frames_captured_total", stream="gate") == 3
    assert measured.value("stream_frames_processed_total", stream="gate") == 1
    assert measured.value("stream_last_frame_timestamp_seconds", stream="gate") == 1000.5
    assert measured.value("stream_frames_captured_total", stream="dock") == 1


def test_an_unknown_reason_is_a_defect_and_not_a_new_series(measured: Measured) -> None:
    with pytest.raises(KeyError):
        measured.metrics.stream("gate").dropped("whatever")


def test_the_engine_tells_what_it_is_and_how_good_it_was(measured: Measured) -> None:
    assert measured.value("engine_load_duration_seconds") == 1.5
    labels = {"dataset": "camvid", "split": "test", "seen_in_training": "false"}
    assert measured.value("engine_validation_miou_ratio", **labels) == 0.6
    text = measured.metrics.exposition()[0].decode()
    assert re.search(r'swiftnet_engine_info\{.*engine="dark-or-bright".*\} 1.0', text)


def test_readiness_is_asked_at_every_scrape(measured: Measured) -> None:
    ready = [True]
    measured.metrics.engine.watch_readiness(lambda: ready[0])
    assert measured.value("engine_ready") == 1
    ready[0] = False
    assert measured.value("engine_ready") == 0


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
