"""The real HTTP server around a worker whose engine the tests steer."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence

import cv2
import httpx
import numpy as np
from prometheus_client import CollectorRegistry

from runtime.device.jetson import Jetson
from runtime.device.machine import Machine
from runtime.errors import EngineFailed
from runtime.inference.canary import Canary
from runtime.inference.segmenter import Segmenter
from runtime.serving.access_policy import AccessPolicy
from runtime.serving.api.app import create_app
from runtime.serving.api.services import LiveStream, Services
from runtime.serving.health import Health
from runtime.serving.http_server import HttpServer
from runtime.serving.metrics.registry import Metrics
from runtime.serving.settings import load_settings
from runtime.serving.worker import Worker
from tests.engines import fake_build, segmenters, small_manifest

FRAME_HEIGHT, FRAME_WIDTH = 20, 40


@dataclass
class Parts:
    """What a test wants to be different.

    Attributes:
        slots: of the engine.
        before_run: called by every slot before it computes.
        inside: segmenters in place of those around such slots.
        streams: by id.
        canary: of the engine.
        settings: of the daemon, as flags.
        access: who may ask for what.
        machine: what it runs on.
        jetson: its sensors.
    """

    slots: int = 1
    before_run: Callable[[], None] = lambda: None
    inside: Sequence[Segmenter] = ()
    streams: Mapping[str, LiveStream] = field(default_factory=dict)
    canary: Optional[Canary] = None
    settings: Dict[str, Any] = field(default_factory=dict)
    access: AccessPolicy = field(default_factory=AccessPolicy)
    machine: Machine = field(default_factory=Machine)
    jetson: Optional[Jetson] = None


@dataclass(frozen=True)
class Served:
    """A server at work, and everything behind it."""

    client: httpx.Client
    worker: Worker
    health: Health
    registry: CollectorRegistry
    failures: List[EngineFailed]
    services: Services

    def value(self, name: str, **labels: str) -> Optional[float]:
        return self.registry.get_sample_value(f"swiftnet_{name}", labels)

    def work(self, result: str) -> Optional[float]:
        return self.value("inference_requests_total", source="http", result=result)

    def answers(self, route: str, code: str, method: str = "GET") -> Optional[float]:
        return self.value("http_requests_total", route=route, method=method, code=code)


@contextmanager
def served(parts: Optional[Parts] = None) -> Iterator[Served]:
    parts = parts or Parts()
    settings = load_settings({"engine": "unused", **parts.settings}, environ={})
    registry = CollectorRegistry()
    failures: List[EngineFailed] = []
    metrics = Metrics(registry)
    inside = parts.inside or segmenters(parts.slots, parts.before_run)
    with HttpServer("127.0.0.1", 0) as server, Worker(
        inside, settings.queue_capacity, metrics, failures.append
    ) as worker:
        health = Health(worker, parts.canary, settings.canary_seconds, metrics)
        services = Services(
            settings=settings,
            manifest=small_manifest(),
            build=fake_build(),
            mode="throughput",
            slots=parts.slots,
            worker=worker,
            health=health,
            streams=parts.streams,
            metrics=metrics,
            access=parts.access,
            machine=parts.machine,
            jetson=parts.jetson,
        )
        server.start(create_app(services), on_death=lambda: None)
        with httpx.Client(base_url=server.url, timeout=20) as client:
            yield Served(client, worker, health, registry, failures, services)
        health.drain()


def half_bright() -> np.ndarray:
    """An image that is dark on the left and bright on the right."""
    image = np.zeros((FRAME_HEIGHT, FRAME_WIDTH, 3), np.uint8)
    image[:, FRAME_WIDTH // 2 :] = 255
    return image


def encoded(image: np.ndarray, kind: str = ".png") -> bytes:
    done, data = cv2.imencode(kind, image)
    assert done
    return data.tobytes()


def image(kind: str = ".png") -> bytes:
    return encoded(half_bright(), kind)


def raw_connection(running: Served) -> socket.socket:
    url = running.client.base_url
    return socket.create_connection((url.host, url.port or 80), timeout=20)


def upload_head(length: int) -> bytes:
    return f"POST /segment HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode()
