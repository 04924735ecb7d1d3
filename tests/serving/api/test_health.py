from __future__ import annotations

import socket
import subprocess
import time
import urllib.parse
from pathlib import Path
from typing import Any, Dict, List

import httpx
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from runtime.image.frame import Frame
from runtime.image.label_map import LabelMap
from runtime.inference.canary import Canary
from tests.engines import broken, small_manifest
from tests.serving.api.serving import Parts, half_bright, image, served


def known(labels: np.ndarray) -> Canary:
    classes = small_manifest().classes.to_classes()
    frame = Frame(half_bright(), 0, 0.0, "canary")
    return Canary(frame, LabelMap(labels, classes), minimum_agreement=0.97)


def right() -> np.ndarray:
    return (half_bright()[..., 0] > 0).astype(np.uint8)


def test_a_daemon_that_answers_is_alive() -> None:
    with served() as running:
        assert running.client.get("/livez").json() == {"live": True}


def test_it_is_ready_once_the_canary_came_out_right() -> None:
    with served(Parts(canary=known(right()))) as running:
        before = running.client.get("/readyz")
        assert (before.status_code, before.json()["ready"]) == (503, False)
        assert "canary" in before.json()["reason"]
        assert running.value("engine_ready") == 0
        running.health.check()
        after = running.client.get("/readyz")
        assert (after.status_code, after.json()) == (200, {"ready": True})
        assert running.value("engine_ready") == 1
        told = running.value("canary_last_success_timestamp_seconds")
        assert told == pytest.approx(time.time(), abs=60)


def test_it_is_not_ready_when_the_canary_comes_out_wrong() -> None:
    with served(Parts(canary=known(1 - right()))) as running:
        running.health.check()
        answer = running.client.get("/readyz")
        assert answer.status_code == 503
        assert "labels 0.0% of its canary" in answer.json()["reason"]
        refused = running.client.post("/segment", content=image())
        assert refused.status_code == 503
        assert "canary" in refused.json()["error"]


def test_it_is_alive_but_not_ready_after_the_engine_failed() -> None:
    with served(Parts(before_run=broken)) as running:
        running.client.post("/segment", content=image())
        assert running.client.get("/livez").status_code == 200
        answer = running.client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["reason"] == "the engine failed: the device fell off the bus"


def test_it_is_not_ready_while_it_drains() -> None:
    with served() as running:
        running.health.drain()
        assert running.client.get("/readyz").json()["reason"] == "the daemon is shutting down"


def test_metrics_are_served_in_prometheus_format() -> None:
    with served() as running:
        answer = running.client.get("/metrics")
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        assert answer.headers["Content-Type"].count("charset") == 1
        names = {family.name for family in text_string_to_metric_families(answer.text)}
        assert {"swiftnet_engine_ready", "swiftnet_http_requests"} <= names


@pytest.mark.prometheus
def test_prometheus_itself_scrapes_it(tmp_path: Path) -> None:
    with served() as running, httpx.Client(timeout=5) as prometheus:
        running.client.post("/segment", content=image())
        target = urllib.parse.urlsplit(str(running.client.base_url)).netloc
        config = tmp_path / "prometheus.yml"
        config.write_text(
            "global: {scrape_interval: 1s}\n"
            "scrape_configs:\n- job_name: swiftnet\n  static_configs:\n"
            f"  - targets: ['{target}']\n"
        )
        port = free_port()
        server = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={tmp_path / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            query = {"query": 'swiftnet_http_requests_total{route="/segment",code="200"}'}
            found = ask_until_found(prometheus, f"http://127.0.0.1:{port}/api/v1/query", query)
            assert found["value"][1] == "1"
            assert found["metric"]["job"] == "swiftnet"
        finally:
            server.terminate()
            server.wait(20)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def ask_until_found(client: httpx.Client, url: str, query: Dict[str, str]) -> Any:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = results(client, url, query)
        if found:
            return found[0]
        time.sleep(0.2)
    pytest.fail(f"Prometheus never knew {query}")


def results(client: httpx.Client, url: str, query: Dict[str, str]) -> List[Any]:
    try:
        answer = client.get(url, params=query)
    except httpx.TransportError:
        return []
    # Until it has read its own journal, Prometheus answers 503 in plain text.
    return list(answer.json()["data"]["result"]) if answer.status_code == 200 else []
