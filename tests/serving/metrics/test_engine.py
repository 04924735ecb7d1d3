from __future__ import annotations

import re

from runtime.serving.metrics.durations import SECONDS
from tests.serving.metrics.measured import Measured


def test_durations_fall_into_the_buckets_of_an_edge_device(measured: Measured) -> None:
    measured.metrics.inference.took({"infer": 0.004})
    below = {
        bound: measured.value("inference_duration_seconds_bucket", stage="infer", le=str(bound))
        for bound in SECONDS
    }
    assert [bound for bound in SECONDS if below[bound] == 1] == [b for b in SECONDS if b >= 0.004]


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
