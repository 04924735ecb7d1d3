from __future__ import annotations

from pathlib import Path
from typing import Optional, Tuple

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from runtime.device.jetson import Jetson
from runtime.serving.metrics.jetson import JetsonCollector
from tests.device.jetsons import heat_up, write_xavier


def registry_of(root: Path) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(JetsonCollector(Jetson(root)))
    return registry


@pytest.mark.parametrize(
    ("name", "label", "value"),
    [
        ("gpu_utilization_ratio", None, 0.125),
        ("gpu_frequency_hertz", None, 114.75e6),
        ("gpu_frequency_limit_hertz", None, 1377e6),
        ("power_watts", ("rail", "GPU"), 9.52),
        ("power_watts", ("rail", "total"), 14.28),
        ("temperature_celsius", ("zone", "GPU-therm"), 47.25),
        ("power_mode_info", ("mode", "MAXN"), 1.0),
        ("throttled", ("cause", "heat"), 0.0),
    ],
)
def test_a_xavier_is_measured(
    tmp_path: Path, name: str, label: Optional[Tuple[str, str]], value: float
) -> None:
    registry = registry_of(write_xavier(tmp_path))
    labels = {} if label is None else dict([label])
    assert registry.get_sample_value(f"swiftnet_{name}", labels) == pytest.approx(value)


def test_every_scrape_reads_anew(tmp_path: Path) -> None:
    registry = registry_of(write_xavier(tmp_path))
    assert registry.get_sample_value("swiftnet_throttled", {"cause": "heat"}) == 0
    heat_up(tmp_path)
    assert registry.get_sample_value("swiftnet_throttled", {"cause": "heat"}) == 1


def test_what_a_board_does_not_tell_has_no_series(tmp_path: Path) -> None:
    text = generate_latest(registry_of(tmp_path)).decode()
    assert "gpu_frequency" not in text
    assert "power_mode" not in text
