"""uvicorn on a thread: a port taken early, an application served on it, a stop that ends."""

from __future__ import annotations

import errno
import socket
import threading
from types import TracebackType
from typing import Callable, Final, List, Optional, Type

import uvicorn
from starlette.types import ASGIApp

from runtime.errors import InvalidConfig, RuntimeFault
from runtime.serving.host_names import is_loopback
from runtime.serving.http_protocol import ConnectionLimits, Refused, bounded_protocol
from runtime.serving.tls import Certificate

# Room for a burst of clients while the event loop is busy; the kernel caps it at its own limit.
BACKLOG = 2048
KEEP_ALIVE_SECONDS = 15
START_SECONDS = 10.0
CUT_OFF_SECONDS = 0.5
AS_USUAL: Final = ConnectionLimits()


class HttpServer:
    """One listening address. Takes the port when made; a context manager that gives it back.

    Args:
        host: name or address to listen on.
        port: 0 picks a free one.
        certificate: makes it HTTPS.
        limits: what connections may cost.
        refused: called with the reason whenever a connection exceeds one of them.

    Raises:
        InvalidConfig: the address does not exist here, or the port is taken or privileged.
    """

    def __init__(
        self,
        host: str,
        port: int,
        certificate: Optional[Certificate] = None,
        limits: ConnectionLimits = AS_USUAL,
        refused: Refused = lambda _reason: None,
    ) -> None:
        self._host = host
        self._certificate = certificate
        self._protocol = bounded_protocol(limits, refused)
        self._socket = _bound_socket(host, port)
        self._server: Optional[_Server] = None
        self._thread: Optional[threading.Thread] = None

    def __enter__(self) -> HttpServer:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.stop(0.0)
        self._socket.close()

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)  # noqa: S104
        host = f"[{host}]" if ":" in host else host
        scheme = "http" if self._certificate is None else "https"
        return f"{scheme}://{host}:{self._socket.getsockname()[1]}"

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach it; a name's address is what counts."""
        return is_loopback(self._socket.getsockname()[0])

    def start(self, app: ASGIApp, on_death: Callable[[], None]) -> None:
        """Serves `app` from now on; returns when connections are accepted.

        Args:
            app: answers the requests.
            on_death: called, on the server's thread, if it ends without having been stopped.

        Raises:
            InvalidConfig: another program listens on the port by now.
            RuntimeFault: the server did not start.
        """
        self._listen()
        config = uvicorn.Config(
            app,
            lifespan="off",
            http=self._protocol,
            ws="none",
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
        )
        config.load()
        if self._certificate is not None:
            config.ssl = self._certificate.listening_context()
        server = _Server(config)

        def run() -> None:
            try:
                server.run(sockets=[self._socket])
            finally:
                server.accepting.set()
                if not server.should_exit:
                    on_death()

        self._server = server
        self._thread = threading.Thread(target=run, name="http", daemon=True)
        self._thread.start()
        if not server.accepting.wait(START_SECONDS) or not server.started:
            raise RuntimeFault("the HTTP server did not start", "See the log for what held it up")

    def _listen(self) -> None:
        # The kernel gives one port to several programs until the first of them listens: to two
        # daemons that load at the same time, of which uvicorn would let the second one crash.
        try:
            self._socket.listen(BACKLOG)
        except OSError as error:
            port = self._socket.getsockname()[1]
            raise _bind_fault(self._host, port, error) from error

    def stop(self, patience: float) -> None:
        """Accepts nothing more, lets open connections end for `patience` seconds, ends the thread.

        What is still connected then is cut off.
        """
        if self._server is None or self._thread is None:
            return
        self._server.should_exit = True
        self._thread.join(patience)
        self._server.force_exit = True
        self._thread.join(CUT_OFF_SECONDS)
        self._server = None


class _Server(uvicorn.Server):
    """uvicorn's server, which tells when it accepts connections."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = threading.Event()

    async def startup(self, sockets: Optional[List[socket.socket]] = None) -> None:
        await super().startup(sockets)
        self.accepting.set()


def _bound_socket(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise InvalidConfig(
            f"{host!r} is no address to listen on: {error.strerror}",
            "Use --host 127.0.0.1 for this machine alone or --host 0.0.0.0 for every network",
        ) from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        listening.close()
        raise _bind_fault(host, port, error) from error
    return listening


def _bind_fault(host: str, port: int, error: OSError) -> InvalidConfig:
    if error.errno == errno.EADDRINUSE:
        return InvalidConfig(
            f"port {port} of {host} is taken by another program",
            "End that program, or choose another port with --port (0 picks a free one)",
        )
    if error.errno == errno.EACCES:
        return InvalidConfig(
            f"port {port} is reserved for the administrator", "Use --port 8080 or any above 1023"
        )
    return InvalidConfig(
        f"cannot listen on port {port} of {host}: {error.strerror}",
        "Use an address of this machine, such as --host 127.0.0.1",
    )
