from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Callable, Iterator

import numpy as np
import pytest

import runtime.serving.health
from runtime.errors import Overloaded
from runtime.serving.health import Health
from runtime.serving.metrics.registry import Metrics
from runtime.serving.worker import Worker
from tests.engines import Gate, broken, segmenters
from tests.inference.canaries import canary, right_labels
from tests.waiting import wait_until

NEVER = 3600.0


@contextmanager
def judged(
    labels: np.ndarray, before_run: Callable[[], None] = lambda: None, minimum: float = 0.97
) -> Iterator[Health]:
    metrics = Metrics()
    with Worker(segmenters(1, before_run), 0, metrics) as worker:
        yield Health(worker, canary(labels, minimum), NEVER, metrics)


def test_before_the_first_answer_nothing_is_promised() -> None:
    with judged(right_labels()) as health:
        assert health.reason is not None
        assert health.check() is None
        assert health.reason is None


@pytest.mark.parametrize(("minimum", "well"), [(0.9, True), (0.95, False)])
def test_the_manifest_says_how_much_must_agree(minimum: float, well: bool) -> None:
    labels = right_labels()
    labels[: labels.shape[0] * 8 // 100] = 1 - labels[: labels.shape[0] * 8 // 100]
    with judged(labels, minimum=minimum) as health:
        health.check()
        assert (health.reason is None) == well


def test_an_engine_that_recovers_is_trusted_again() -> None:
    labels = right_labels()
    with judged(labels) as health:
        labels[:] = 1 - labels
        assert "0.0%" in (health.check() or "")
        labels[:] = 1 - labels
        assert health.check() is None


def test_the_canary_has_a_place_where_requests_have_none() -> None:
    gate = Gate()
    metrics = Metrics()
    with Worker(segmenters(1), 0, metrics) as worker, ThreadPoolExecutor(1) as pool:
        health = Health(worker, canary(right_labels()), NEVER, metrics)
        worker.submit(lambda _: gate())
        gate.wait_for(1)
        with pytest.raises(Overloaded):
            worker.submit(lambda _: gate())
        checked = pool.submit(health.check)
        wait_until(lambda: worker.waiting == 1)
        gate.open()
        assert checked.result() is None
        assert health.reason is None


def test_an_engine_that_hangs_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime.serving.health, "ANSWER_SECONDS", 0.01)
    gate = Gate()
    with judged(right_labels(), before_run=gate) as health:
        assert "no answer came" in (health.check() or "")
        gate.open()


def test_an_engine_that_failed_says_so() -> None:
    with judged(right_labels(), before_run=broken) as health:
        health.check()
        assert health.reason == "the engine failed: the device fell off the bus"


def test_without_a_canary_only_failures_count() -> None:
    metrics = Metrics()
    with Worker(segmenters(1), 0, metrics) as worker:
        health = Health(worker, None, NEVER, metrics)
        assert health.check() is None
        assert health.reason is None


def test_it_asks_by_itself_now_and_then_and_stops() -> None:
    asked = threading.Semaphore(0)
    metrics = Metrics()
    before = set(threading.enumerate())
    with Worker(segmenters(1, asked.release), 0, metrics) as worker:
        with Health(worker, canary(right_labels()), 0.001, metrics) as health:
            for _ in range(3):
                assert asked.acquire(timeout=20)
            wait_until_ready(health)
        assert len(set(threading.enumerate()) - before) == 1
    assert not set(threading.enumerate()) - before


def wait_until_ready(health: Health) -> None:
    deadline = time.monotonic() + 20
    while health.reason is not None:
        assert time.monotonic() < deadline
        time.sleep(0.001)
