"""A Jetson's readings as Prometheus metrics, taken whenever they are scraped."""

from __future__ import annotations

from typing import Iterator

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from runtime.device.jetson import Jetson, Readings


class JetsonCollector(Collector):
    """Reads the device at every scrape; what a board does not tell has no series.

    Args:
        jetson: whose files are read.
    """

    def __init__(self, jetson: Jetson) -> None:
        self._jetson = jetson

    def collect(self) -> Iterator[Metric]:
        """Every metric of the device."""
        readings = self._jetson.readings()
        yield from _gpu(readings)
        power = GaugeMetricFamily("swiftnet_power_watts", "Power drawn.", labels=["rail"])
        for rail, watts in readings.power.items():
            power.add_metric([rail], watts)
        if readings.total_power is not None:
            power.add_metric(["total"], readings.total_power)
        yield power
        heat = GaugeMetricFamily("swiftnet_temperature_celsius", "Temperature.", labels=["zone"])
        for zone, degrees in readings.temperatures.items():
            heat.add_metric([zone], degrees)
        yield heat
        yield from _held_back(readings)


def _gpu(readings: Readings) -> Iterator[Metric]:
    for name, text, value in (
        ("utilization_ratio", "Share of the time that the GPU is busy.", readings.gpu_load),
        ("frequency_hertz", "The GPU's clock.", readings.gpu_clock),
        ("frequency_limit_hertz", "The GPU's clock at most.", readings.gpu_clock_limit),
    ):
        if value is not None:
            yield GaugeMetricFamily(f"swiftnet_gpu_{name}", text, value=value)


def _held_back(readings: Readings) -> Iterator[Metric]:
    throttled = GaugeMetricFamily(
        "swiftnet_throttled", "1 while the device is slowed down.", labels=["cause"]
    )
    throttled.add_metric(["heat"], float(bool(readings.slowed_by_heat)))
    yield throttled
    if readings.overcurrent_events is not None:
        yield CounterMetricFamily(
            "swiftnet_overcurrent_events",
            "Times that the device was slowed down for drawing too much current.",
            value=readings.overcurrent_events,
        )
    if readings.power_mode is not None:
        mode = GaugeMetricFamily(
            "swiftnet_power_mode_info", "1; the label is the power mode.", labels=["mode"]
        )
        mode.add_metric([readings.power_mode], 1.0)
        yield mode
