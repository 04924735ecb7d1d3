from __future__ import annotations

from typing import List

import pytest

from runtime.serving.streams.rate import Backoff, FrameRate, Limit


def pauses(backoff: Backoff, count: int) -> List[float]:
    return [backoff.pause() for _ in range(count)]


def test_pauses_double_up_to_the_longest() -> None:
    backoff = Backoff(first=1, longest=5, randomness=lambda: 0.0)
    assert pauses(backoff, 5) == [1, 2, 4, 5, 5]


def test_chance_shortens_a_pause_by_up_to_half() -> None:
    backoff = Backoff(first=1, longest=5, randomness=lambda: 0.999)
    assert pauses(backoff, 4) == pytest.approx([0.5, 1, 2, 2.5], rel=0.01)


def test_after_a_good_connection_pauses_are_short_again() -> None:
    backoff = Backoff(first=1, longest=5, randomness=lambda: 0.0)
    pauses(backoff, 3)
    backoff.reset()
    assert pauses(backoff, 2) == [1, 2]


def shown_at(arrivals: List[float], rate: float) -> List[float]:
    pace = FrameRate()
    return [arrival + pace.delay(arrival, rate) for arrival in arrivals]


def test_frames_that_are_ready_early_are_shown_at_an_even_rate() -> None:
    assert shown_at([100.0, 100.01, 100.3, 100.31], rate=4) == pytest.approx(
        [100.0, 100.25, 100.5, 100.75]
    )


def test_a_little_lateness_is_made_up_for() -> None:
    assert shown_at([100.0, 100.26, 100.3], rate=4) == pytest.approx([100.0, 100.26, 100.5])


def test_a_long_delay_is_not_caught_up_with() -> None:
    assert shown_at([100.0, 103.0, 103.0], rate=4) == pytest.approx([100.0, 103.0, 103.25])


@pytest.mark.parametrize(
    ("camera", "limit", "passed"), [(30, 15, 15), (30, 20, 20), (30, 30, 30), (30, 60, 30)]
)
def test_a_limit_passes_its_rate_however_the_camera_jitters(
    camera: int, limit: int, passed: int
) -> None:
    gate = Limit(limit)
    jitter = (0.0, 0.003, -0.003, 0.002)
    seconds = 10
    arrivals = [100 + n / camera + jitter[n % 4] for n in range(seconds * camera)]
    admitted = sum(gate.admits(arrival) for arrival in arrivals)
    assert admitted == pytest.approx(seconds * passed, abs=2)


def test_a_limit_does_not_let_a_burst_pass_after_a_pause() -> None:
    gate = Limit(10)
    assert gate.admits(100.0)
    assert [gate.admits(200.0 + n / 100) for n in range(5)] == [True, False, False, False, False]
