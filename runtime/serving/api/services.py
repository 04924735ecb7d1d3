"""What the HTTP surface is given to work with; the daemon puts it together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping, Optional

from typing_extensions import Literal, Protocol

from runtime.device.jetson import Jetson
from runtime.device.machine import Machine
from runtime.repository.manifest import Build, EngineManifest
from runtime.serving.access_policy import AccessPolicy
from runtime.serving.health import Health
from runtime.serving.metrics.registry import Metrics
from runtime.serving.settings import ServeSettings
from runtime.serving.streams.broadcast import Broadcast
from runtime.serving.streams.result import StreamResult
from runtime.serving.streams.status import StreamStatus
from runtime.serving.worker import Worker


class LiveStream(Protocol):
    """A stream as HTTP sees it."""

    @property
    def broadcast(self) -> Broadcast[StreamResult]:
        """Where its results can be watched."""

    def status(self) -> StreamStatus:
        """How it is."""


@dataclass(frozen=True)
class Services:
    """The parts of a running daemon that requests need.

    Attributes:
        settings: the daemon's settings.
        manifest: of the engine in service.
        build: which of the manifest's builds runs.
        mode: how the engine was opened.
        slots: frames the engine runs at once.
        worker: does the work.
        health: knows whether its results can be trusted.
        streams: by id.
        metrics: where everything is counted.
        access: who may ask for what.
        machine: what the daemon runs on.
        jetson: the same machine's sensors; None where it is no Jetson.
    """

    settings: ServeSettings
    manifest: EngineManifest
    build: Build
    mode: Literal["latency", "throughput"]
    slots: int
    worker: Worker
    health: Health
    streams: Mapping[str, LiveStream]
    metrics: Metrics
    access: AccessPolicy = field(default_factory=AccessPolicy)
    machine: Machine = field(default_factory=Machine)
    jetson: Optional[Jetson] = None
