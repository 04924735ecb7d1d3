"""A daemon's metrics with something to tell, and a way to read them."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry

from runtime.device.jetson import Jetson
from runtime.repository.manifest import Evidence
from runtime.serving.metrics.jetson import JetsonCollector
from runtime.serving.metrics.registry import Metrics
from tests.engines import fake_build, small_manifest


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
