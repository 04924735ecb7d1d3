from __future__ import annotations

import time

import pytest

from runtime.sources.open_source import open_source
from runtime.sources.synthetic import COLOURS, STEP, pattern
from tests.contracts.source import LiveContract, first_frames


class TestSynthetic(LiveContract):
    @pytest.fixture
    def uri(self) -> str:
        return "synthetic:64x48@200"


def test_every_frame_is_the_pattern_of_its_number() -> None:
    for frame in first_frames("synthetic:64x48@200", 5):
        assert (frame.pixels == pattern(frame.number, 48, 64)).all()


def test_the_pattern_moves_right_and_shows_only_its_colours() -> None:
    first, second = pattern(0, 4, 64), pattern(1, 4, 64)
    assert (second[:, STEP:] == first[:, :-STEP]).all()
    assert {tuple(pixel) for pixel in first.reshape(-1, 3)} == set(map(tuple, COLOURS))


def test_a_image_narrower_than_its_colours_is_possible() -> None:
    assert pattern(3, 2, 1).shape == (2, 1, 3)


def test_frames_come_no_faster_than_the_rate() -> None:
    rate = 100.0
    with open_source(f"synthetic:8x8@{rate:g}") as source:
        assert source.frame_rate == rate
        frames = [frame for frame, _ in zip(source, range(10))]
    elapsed = frames[-1].captured_at - frames[0].captured_at
    # The first read may come late within its period, the last may not come early.
    assert elapsed > (frames[-1].number - frames[0].number - 1) / rate


def test_a_slow_reader_misses_frames_as_with_a_camera() -> None:
    with open_source("synthetic:8x8@1000") as source:
        last, number = 0, 0
        while number <= last + 1:  # ends as soon as one was missed
            time.sleep(0.002)
            frame = source.read()
            assert frame is not None
            last, number = number, frame.number
