"""Streams on a real worker: nothing lost from files, fresh frames from cameras, always in order."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Optional

import pytest
from typing_extensions import get_args

from runtime.errors import EngineFailed, InvalidInput
from runtime.inference.engine import SegmentOptions
from runtime.serving.metrics.streams import DROP_REASONS, RECONNECT_REASONS, STREAM_STATES
from runtime.serving.streams.status import StreamState
from runtime.serving.streams.stream import PATIENCE
from runtime.sources.source import LossReason
from tests.engines import Gate, broken, segmenters
from tests.inference.drawing_pipeline import (
    drawing_pipeline,
    drawing_segmenter,
    drawn_by_the_pipeline,
)
from tests.serving.streams.streams import (
    IMAGES,
    newest,
    nothing_unaccounted,
    running,
    stream_of,
    taken,
    wait_for_state,
    write_images,
)
from tests.waiting import wait_until


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return write_images(tmp_path)


# ---- files --------------------------------------------------------------------------------------


def test_every_frame_of_a_file_comes_out_once_and_in_order(images: Path) -> None:
    # Slots that take now longer, now shorter finish in another order than they began.
    chance = random.Random(5)
    with running(images, lambda: time.sleep(chance.random() / 500)) as stream:
        status = wait_for_state(stream, "FINISHED")
    assert [result.frame.number for result in stream.results] == list(range(IMAGES))
    assert [int(result.labels.labels[0, 0]) for result in stream.results] == [0, 1] * (IMAGES // 2)
    assert status.frames.captured == status.frames.processed == IMAGES
    assert sum(status.dropped.values()) == 0
    assert stream.broadcast.newest() is stream.results[-1]


def test_a_file_waits_for_a_slow_engine(images: Path) -> None:
    gate = Gate()
    with running(images, gate) as stream:
        gate.wait_for(slots=2)
        assert stream.status().state == "RUNNING"
        gate.open()
        wait_for_state(stream, "FINISHED")
    assert len(stream.results) == IMAGES


def test_a_file_that_breaks_off_fails_after_what_could_be_read(images: Path) -> None:
    (images / "5.png").write_bytes(b"no image")
    with running(images) as stream:
        status = wait_for_state(stream, "FAILED")
        wait_until(lambda: len(stream.results) == 5)
    assert "5.png" in (status.last_error or "")
    assert status.reconnects == 0


def test_a_frame_that_the_engine_cannot_do_is_counted_and_the_next_ones_come(
    images: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with stream_of(images) as stream:
        good, bad = segmenters(2)[0], segmenters(1, broken)[0]
        for segmenter in [good, bad] + [good] * (IMAGES - 2):
            outcome = taken(stream).run(segmenter)
            assert outcome.result == ("error" if segmenter is bad else "ok")
            assert isinstance(outcome.error, EngineFailed) == (segmenter is bad)
        status = wait_for_state(stream, "FINISHED")
    assert [r.frame.number for r in stream.results] == [0, *range(2, IMAGES)]
    assert status.dropped["engine_error"] == 1
    assert "fell off the bus" in (status.last_error or "")
    assert [record.message for record in caplog.records] == ["a frame of a stream was lost"]
    assert "fell off the bus" in caplog.text


def test_a_file_that_loops_goes_on_at_its_rate_and_its_numbers_grow(images: Path) -> None:
    for surplus in range(3, IMAGES):
        (images / f"{surplus}.png").unlink()
    with running(images, loop=True) as stream:
        wait_until(lambda: len(stream.results) >= 7)
        status = stream.status()
    numbers = [result.frame.number for result in stream.results]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] >= 6
    assert (status.state, status.reconnects) == ("RUNNING", 0)
    # Seven frames of a folder, at 15 per second.
    assert stream.results[6].frame.captured_at - stream.results[0].frame.captured_at > 5 / 15


def test_a_file_may_be_slowed_down_without_loss(images: Path) -> None:
    with running(images, max_fps=200) as stream:
        wait_for_state(stream, "FINISHED")
    assert len(stream.results) == IMAGES
    captured = [result.frame.captured_at for result in stream.results]
    assert captured[-1] - captured[0] > 0.9 * (IMAGES - 1) / 200


# ---- cameras ------------------------------------------------------------------------------------


def test_a_camera_s_newest_frame_wins_and_the_rest_is_counted() -> None:
    gate = Gate()
    with running("synthetic:64x32@500", gate) as stream:
        gate.wait_for(slots=2)
        # On a busy machine some are superseded before the second slot is reached.
        before = stream.status().dropped["superseded"]
        wait_until(lambda: stream.status().dropped["superseded"] > before + 50)
        gate.open()
        wait_until(lambda: len(stream.results) >= 5)
    numbers = [result.frame.number for result in stream.results]
    assert numbers[2] > numbers[1] + 50
    assert numbers == sorted(set(numbers))
    assert nothing_unaccounted(stream.status())


def test_a_camera_s_rate_can_be_limited() -> None:
    with running("synthetic:64x32@500", max_fps=50) as stream:
        wait_until(lambda: len(stream.results) >= 10)
    seconds = stream.results[-1].frame.captured_at - stream.results[0].frame.captured_at
    assert (len(stream.results) - 1) / seconds < 55
    assert stream.status().dropped["max_fps"] > 0
    assert nothing_unaccounted(stream.status())


def test_a_result_that_a_slot_holds_back_too_long_is_given_up() -> None:
    with stream_of("synthetic:64x32@500") as stream:
        segmenter = segmenters()[0]
        late = taken(stream)
        for _ in range(PATIENCE + 1):
            taken(stream).run(segmenter)
        assert len(stream.results) == PATIENCE + 1
        late.run(segmenter)
        assert len(stream.results) == PATIENCE + 1
        assert stream.status().dropped["stale"] == 1


def test_an_image_is_safe_from_the_next_frame_of_its_slot() -> None:
    with stream_of("synthetic:64x32@500") as stream:
        segmenter = segmenters()[0]
        taken(stream).run(segmenter)
        first = newest(stream)
        before = first.image.copy()
        taken(stream).run(segmenter)
        assert (first.image == before).all()


def test_a_device_draws_nothing_while_nobody_looks() -> None:
    pipeline = drawing_pipeline()
    with stream_of("synthetic:64x32@500") as stream:
        for _ in range(2):
            taken(stream).run(drawing_segmenter(pipeline))
        # Whoever comes now gets the newest frame nevertheless, drawn from its image.
        assert not drawn_by_the_pipeline(newest(stream).overlays.jpeg())
    assert pipeline.asked == [SegmentOptions("model", image=True)] * 2


@pytest.mark.parametrize("asked", [None, 0.3])
def test_viewers_get_what_the_device_drew(
    asked: Optional[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.serving.streams.result.REMEMBERED_SECONDS", 3600.0)
    pipeline = drawing_pipeline()
    with stream_of("synthetic:64x32@500", opacity=0.65) as stream:
        taken(stream).run(drawing_segmenter(pipeline))
        newest(stream).overlays.jpeg(asked)
        taken(stream).run(drawing_segmenter(pipeline))
        assert drawn_by_the_pipeline(newest(stream).overlays.jpeg(asked))
        assert not drawn_by_the_pipeline(newest(stream).overlays.jpeg(0.9))
    assert [wanted.overlay for wanted in pipeline.asked] == [None, pytest.approx(asked or 0.65)]


# ---- what it is called --------------------------------------------------------------------------


def test_an_address_of_no_known_form_is_refused_before_anything_starts() -> None:
    with pytest.raises(InvalidInput, match="no known kind"):
        stream_of("gopher://camera")


def test_prometheus_knows_every_state_and_reason() -> None:
    assert [state.lower() for state in get_args(StreamState)] == list(STREAM_STATES)
    assert set(get_args(LossReason)) == set(RECONNECT_REASONS)
    assert set(stream_of("synthetic:8x8@1").status().dropped) == set(DROP_REASONS)
