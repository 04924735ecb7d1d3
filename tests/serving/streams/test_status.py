from __future__ import annotations

import numpy as np
import pytest

from runtime.image.frame import Frame
from runtime.image.label_map import Classes, LabelMap
from runtime.serving.metrics.registry import Metrics
from runtime.serving.metrics.streams import DROP_REASONS
from runtime.serving.streams.result import Demand, Drawing, Overlays, StreamResult
from runtime.serving.streams.status import WINDOW_SECONDS, RateWindow, StreamStats, StreamStatus
from tests.waiting import Clock

IDENTITY = ("cam0", "rtsp://10.0.0.5/cam", True)


def result(age: float) -> StreamResult:
    classes = Classes(("a", "b", "c"), ((0, 0, 0),) * 3)
    labels = LabelMap(np.array([[0, 0, 0, 2]], np.uint8), classes)
    frame = Frame(np.zeros((1, 4, 3), np.uint8), 0, 1e9, "cam0")
    overlays = Overlays(frame.pixels, labels, Drawing(0.5, 80, Demand()))
    return StreamResult(frame, labels, overlays, {}, 1e9 + age)


def rate_after(clock: Clock, times: int, period: float, step: int = 1) -> float:
    window = RateWindow(clock)
    for event in range(times):
        clock.now += period
        window.note(step * (event + 1))
    return window.rate()


def test_ten_events_a_second_are_a_rate_of_ten() -> None:
    # 11 moments span 10 intervals: dividing by 11 would say 11.
    assert rate_after(Clock(), times=11, period=0.1) == pytest.approx(10.0)


def test_events_that_came_together_all_count() -> None:
    assert rate_after(Clock(), times=11, period=0.1, step=3) == pytest.approx(30.0)


def test_one_event_has_no_rate() -> None:
    assert rate_after(Clock(), times=1, period=0.1) == 0


def test_a_rate_falls_to_nothing_when_nothing_comes() -> None:
    clock = Clock()
    window = RateWindow(clock)
    window.note(1)
    window.note(2)
    clock.now += WINDOW_SECONDS + 1
    assert window.rate() == 0


def test_the_same_is_told_to_people_and_to_prometheus() -> None:
    clock = Clock()
    metrics = Metrics()
    tally = StreamStats(metrics.stream("cam0"), clock)
    tally.entered("RUNNING")
    for age in (0.010, 0.020, 0.030):
        clock.now += 0.5
        tally.captured(1e9, 2)
        tally.dropped("superseded")
        tally.published(result(age))
    tally.reconnecting("auth")
    tally.erred(ValueError("the last word"))
    status = tally.status(IDENTITY, result(0.0))

    assert (status.state, status.live, status.uri) == ("RUNNING", True, "rtsp://10.0.0.5/cam")
    assert (status.frames.captured, status.frames.processed) == (6, 3)
    assert status.dropped == {**dict.fromkeys(DROP_REASONS, 0), "superseded": 3}
    assert (status.captured_fps, status.processed_fps) == (4.0, 2.0)
    assert status.latency_ms.p50 == 20.0
    assert (status.reconnects, status.last_error) == (1, "the last word")
    assert [(c.id, c.share) for c in status.classes] == [(0, 0.75), (2, 0.25)]

    told = metrics.exposition()[0].decode()
    assert 'swiftnet_stream_frames_captured_total{stream="cam0"} 6.0' in told
    assert 'swiftnet_stream_frames_processed_total{stream="cam0"} 3.0' in told
    assert 'swiftnet_stream_frames_dropped_total{reason="superseded",stream="cam0"} 3.0' in told
    assert 'swiftnet_stream_reconnects_total{reason="auth",stream="cam0"} 1.0' in told
    assert 'swiftnet_stream_state{state="running",stream="cam0"} 1.0' in told


def test_before_the_first_frame_there_are_no_numbers_to_make_up() -> None:
    status = StreamStats(Metrics().stream("cam0")).status(IDENTITY, None)
    assert status.latency_ms.p50 is None
    assert status.frame_age_ms is None
    assert status.classes == []
    assert StreamStatus.model_validate_json(status.model_dump_json()) == status
