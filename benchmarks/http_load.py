"""A load generator that costs next to nothing, since it shares the processor with what it measures.

Requests are bytes made beforehand, answers are read with as few calls as possible; a request costs
less than 0.1 ms of this process.
"""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import List, Optional, Tuple, Type

PATIENCE = 30.0
CHUNK = 1 << 16


@dataclass
class Answers:
    """What came back: status, seconds it took, and the time.monotonic() at which it ended."""

    rows: List[Tuple[int, float, float]] = field(default_factory=list)

    def seconds(self, status: int) -> List[float]:
        """How long the answers of this status took."""
        return [took for code, took, _ in self.rows if code == status]

    def count(self, status: int) -> int:
        """How many answers had this status."""
        return sum(code == status for code, _, _ in self.rows)

    def per_second(self, status: int) -> float:
        """Answers of this status over the time from the first request to the last answer.

        Requests under way when the clock stops are still answered, so dividing by the time that
        was asked for would count them for nothing.
        """
        first = min(ended - took for _, took, ended in self.rows)
        last = max(ended for _, _, ended in self.rows)
        return self.count(status) / (last - first)


class Connection:
    """One keep-alive connection; opens again when the server closed it.

    Attributes:
        retry_after: seconds that the last refusal asked to wait; 0 after any other answer.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self.retry_after = 0.0
        head = (
            f"POST {target.path} HTTP/1.1\r\nHost: {target.host}\r\nAccept: image/png\r\n"
            f"Content-Length: {len(target.body)}\r\n\r\n"
        )
        self._request = head.encode() + target.body
        self._socket: Optional[socket.socket] = None
        self._buffer = bytearray(CHUNK)

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._close()

    def ask(self) -> int:
        """Sends the request and reads the whole answer; returns its status."""
        if self._socket is None:
            there, here = (self._target.host, self._target.port), (self._target.source, 0)
            self._socket = socket.create_connection(there, PATIENCE, here)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._socket.sendall(self._request)
        except (BrokenPipeError, ConnectionResetError):
            # A server that refuses early may stop reading; its answer is there all the same.
            return self._answer(self._socket, stays_open=False)
        return self._answer(self._socket, stays_open=True)

    def _answer(self, connection: socket.socket, stays_open: bool) -> int:
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._more(connection)
        head, _, rest = received.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        fields = dict(line.split(b": ", 1) for line in lines[1:])
        self.retry_after = float(fields.get(b"retry-after", 0))
        missing = int(fields.get(b"content-length", b"0")) - len(rest)
        while missing > 0:
            missing -= len(self._more(connection))
        if not stays_open or fields.get(b"connection") == b"close":
            self._close()
        return int(lines[0].split(b" ")[1])

    def _more(self, connection: socket.socket) -> bytes:
        count = connection.recv_into(self._buffer)
        if count == 0:
            raise ConnectionError("the server closed the connection in the middle of an answer")
        return bytes(self._buffer[:count])

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


@dataclass(frozen=True)
class Target:
    """Where requests go, what they carry, and the address that they come from."""

    host: str
    port: int
    path: str
    body: bytes
    source: str = ""

    def connect(self) -> Connection:
        """A new connection to it."""
        return Connection(self)


def closed_loop(target: Target, connections: int, seconds: float) -> Answers:
    """Every connection sends its next request as soon as it has its answer."""
    return _run(target, connections, seconds, interval=None)


def open_loop(target: Target, connections: int, rate: float, seconds: float) -> Answers:
    """Requests leave at `rate` per second, spread over the connections, answered or not in time."""
    return _run(target, connections, seconds, interval=connections / rate)


def _run(target: Target, connections: int, seconds: float, interval: Optional[float]) -> Answers:
    answers = Answers()
    end = time.monotonic() + seconds

    def client(number: int) -> None:
        due = time.monotonic() + (interval or 0.0) * number / connections
        with target.connect() as connection:
            while True:
                if interval is not None:
                    time.sleep(max(0.0, due - time.monotonic()))
                    due += interval
                started = time.monotonic()
                if started >= end:
                    return
                status = connection.ask()
                ended = time.monotonic()
                answers.rows.append((status, ended - started, ended))

    threads = [threading.Thread(target=client, args=(n,)) for n in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers
