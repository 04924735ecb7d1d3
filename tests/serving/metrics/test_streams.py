from __future__ import annotations

from typing import get_args

import pytest

from runtime.serving.metrics.streams import RECONNECT_REASONS, STREAM_STATES
from runtime.serving.streams.status import StreamState
from runtime.sources.source import LossReason
from tests.serving.metrics.measured import Measured


def test_reasons_and_states_are_those_of_the_rooms_that_report_them() -> None:
    assert set(get_args(LossReason)) == set(RECONNECT_REASONS)
    assert {state.lower() for state in get_args(StreamState)} == set(STREAM_STATES)


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
