"""The life of the serving daemon: load, serve, drain, close. The only place that wires it together.

The main thread walks through that life. HTTP has a thread with an event loop, every slot of the
engine a thread of its own, every live camera a process. A signal only says that it is time to go;
a fixed deadline then ends the process whatever state it is in.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from queue import SimpleQueue
from typing import Dict, NoReturn, Optional, Sequence

import numpy as np

from runtime.device.jetson import jetson_here
from runtime.device.machine import Machine
from runtime.errors import EngineRefused, RuntimeFault
from runtime.image.frame import Frame
from runtime.inference.backends.open_engine import open_engine
from runtime.inference.canary import read_canary
from runtime.inference.engine import DeviceOptions
from runtime.inference.segmenter import Segmenter, segmenters_of
from runtime.repository.choose_build import choose_build
from runtime.repository.engine_folder import EngineFolder
from runtime.serving.access_policy import AccessControl
from runtime.serving.api.app import create_app
from runtime.serving.api.middleware import note_request_id
from runtime.serving.api.services import Services
from runtime.serving.health import Health
from runtime.serving.http_protocol import ConnectionLimits
from runtime.serving.http_server import HttpServer
from runtime.serving.keyring import TokenFile
from runtime.serving.metrics.jetson import JetsonCollector
from runtime.serving.metrics.registry import Metrics
from runtime.serving.settings import ServeSettings
from runtime.serving.signals import StopSignals
from runtime.serving.streams.stream import Stream
from runtime.serving.tls import Certificate
from runtime.serving.worker import Worker

# After a signal accepted work has `drain_seconds`; meanwhile the streams end. Connections then have
# a moment to be answered. Whatever hangs, the process is gone at HARD_DEADLINE.
STREAM_SECONDS = 1.0
CONNECTION_SECONDS = 0.5
HARD_DEADLINE = 4.8
WARM_UP_FRAMES = 2

logger = logging.getLogger(__name__)


class Daemon:
    """One engine, served until a signal comes or the engine fails.

    Args:
        settings: everything that was decided beforehand.
        machine: what can run engines here.
        tokens: those of the settings, if they can change; as the settings have them unless given.
    """

    def __init__(
        self, settings: ServeSettings, machine: Machine, tokens: Optional[TokenFile] = None
    ) -> None:
        self._settings = settings
        self._machine = machine
        self._tokens = tokens
        self._metrics = Metrics()
        self._resources = ExitStack()
        self._stop_reasons: SimpleQueue[Optional[RuntimeFault]] = SimpleQueue()
        self._health: Optional[Health] = None
        self._streams: Dict[str, Stream] = {}

    def run(self) -> None:
        """Loads, serves, drains and closes; returns after a signal.

        Raises:
            RuntimeFault: it could not start, or the engine failed while serving.
        """
        with StopSignals(on_stop=self._stop, on_insist=_end_now):
            try:
                server = self.bind()
                access = AccessControl(self._settings, server.on_loopback, self._tokens)
                services = self.load(access)
                self.serve(server, services)
                access.announce(server.url)
                fault = self._stop_reasons.get()
                self.drain(server, services)
            finally:
                self.close()
        if fault is not None:
            raise fault

    def bind(self) -> HttpServer:
        """Takes the port first: whether it is free is known in no time, unlike all the rest."""
        settings = self._settings
        certificate = None
        if settings.tls_certificate is not None:
            certificate = Certificate(settings.tls_certificate, settings.tls_key)
        server = HttpServer(
            settings.host,
            settings.port,
            certificate,
            ConnectionLimits(settings.connections, settings.client_connections),
            self._metrics.http.connection_refused,
        )
        return self._resources.enter_context(server)

    def load(self, access: AccessControl) -> Services:
        """Checks and opens the engine, warms it up, and proves it with its canary."""
        started = time.monotonic()
        settings, folder = self._settings, EngineFolder(self._settings.engine)
        build = choose_build(folder, self._machine, settings.precision)
        manifest, mode = folder.manifest, settings.engine_mode
        artefact = folder.verified(build)
        options = DeviceOptions(settings.gpu_busy_wait, settings.gpu_cuda_graphs)
        engine = self._resources.enter_context(
            open_engine(manifest, build, artefact, mode, options)
        )
        segmenters = segmenters_of(manifest, engine)
        warm_up(segmenters)
        worker = self._resources.enter_context(
            Worker(segmenters, settings.queue_capacity, self._metrics, self._end)
        )
        health = Health(worker, read_canary(folder), settings.canary_seconds, self._metrics)
        require_canary(health, folder)
        self._metrics.engine.loaded(manifest, build, time.monotonic() - started)
        jetson = jetson_here()
        if jetson is not None:
            self._metrics.add(JetsonCollector(jetson))
        self._health = self._resources.enter_context(health)
        self._streams = {s.id: Stream(s, worker.wake, self._metrics) for s in settings.streams}
        return Services(
            settings=settings,
            manifest=manifest,
            build=build,
            mode=mode,
            slots=len(segmenters),
            worker=worker,
            health=health,
            streams=self._streams,
            metrics=self._metrics,
            access=access.policy,
            machine=self._machine,
            jetson=jetson,
        )

    def serve(self, server: HttpServer, services: Services) -> None:
        """Starts HTTP, then the streams, so that cameras can be watched while they connect.

        Args:
            server: bound to its port.
            services: what requests are answered with.
        """
        server.start(create_app(services), on_death=self._http_died)
        for stream in self._streams.values():
            services.worker.attach(stream)
            stream.start()
        logger.info(
            "serving %s (%s, %s, %s mode, %d slots) at %s",
            services.manifest.name,
            services.build.precision,
            services.build.backend,
            services.mode,
            services.slots,
            server.url,
        )

    def drain(self, server: HttpServer, services: Services) -> None:
        """Refuses new work, finishes what was accepted, lets every viewer and client go.

        Args:
            server: stopped last, so that accepted requests are answered.
            services: whose health, worker and streams end.
        """
        logger.info("draining")
        services.health.drain()
        streams = self._streams.values()
        with ThreadPoolExecutor(max_workers=max(1, len(streams))) as pool:
            stopping = [pool.submit(stream.stop, STREAM_SECONDS) for stream in streams]
            services.worker.close(self._settings.drain_seconds)
        for left_behind in filter(None, (stopped.exception() for stopped in stopping)):
            logger.error("%s", left_behind)
        server.stop(CONNECTION_SECONDS)

    def close(self) -> None:
        """Gives everything back, last taken first: port, engine, threads."""
        self._resources.close()
        faulthandler.cancel_dump_traceback_later()
        logger.info("ended")

    def _stop(self) -> None:
        if self._health is None:
            # Nothing is served yet, so nothing has to end well; and what loads may load for long.
            logger.info("ended while loading")
            _end_now(0)
        self._end(None)

    def _http_died(self) -> None:
        self._end(RuntimeFault("the HTTP server ended by itself", "See the log for the reason"))

    def _end(self, fault: Optional[RuntimeFault]) -> None:
        """Tells the main thread to drain, and sees to it that this ends. From any thread."""
        # In C, without the interpreter's lock: it works however badly things hang, and says where.
        faulthandler.dump_traceback_later(HARD_DEADLINE, exit=True)
        if self._health is not None and fault is None:
            self._health.drain()
        self._stop_reasons.put(fault)


def log_to_stderr(level: str) -> None:
    """Writes the log where supervisors collect it, each line with the request it is about."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s")
    )
    handler.addFilter(note_request_id)
    logging.basicConfig(level=level.upper(), handlers=[handler])


def warm_up(segmenters: Sequence[Segmenter]) -> None:
    """Lets every slot do what libraries put off until their first frames."""
    for segmenter in segmenters:
        spec = segmenter.manifest.input
        grey = np.full((spec.height, spec.width, 3), 128, np.uint8)
        for number in range(WARM_UP_FRAMES):
            segmenter.segment(Frame(grey, number, time.time(), "warm-up"))


def require_canary(health: Health, folder: EngineFolder) -> None:
    """Refuses an engine that does not label its canary as it should right after loading.

    Args:
        health: checks it, through the worker.
        folder: the engine's, for the command that rebuilds it.

    Raises:
        EngineRefused: with how much of the canary it labels right.
    """
    problem = health.check()
    if problem is not None:
        raise EngineRefused(problem, f"Rebuild it here with `{folder.rebuild_command()}`")


def _end_now(code: int = 1) -> NoReturn:
    logging.shutdown()
    os._exit(code)
