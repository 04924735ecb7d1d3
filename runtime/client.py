"""A small client of the daemon. It needs NumPy alone, and this file may be copied elsewhere.

with Client("http://127.0.0.1:8080") as client:
    mask = client.segment("street.jpg")
    print(mask.share("road"), mask.labels.shape)
"""

from __future__ import annotations

import http.client
import json
import os
import re
import ssl
import struct
import threading
import zlib
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple, Type, Union
from urllib.parse import quote, urlencode, urlsplit

import numpy as np

Image = Union[bytes, str, "os.PathLike[str]"]
"""The bytes of a JPEG, PNG or WebP, or the path of such a file."""


class ClientError(Exception):
    """The daemon gave no mask."""


class Unreachable(ClientError):
    """There was no answer at all, or one that is not the daemon's."""


class Refused(ClientError):
    """The daemon's own sentence on why there is no mask.

    Attributes:
        status: of HTTP; 4xx is about the request, 5xx about the daemon.
        retry_after: seconds after which asking again may help; None where it will not.
    """

    def __init__(self, sentence: str, status: int, retry_after: Optional[float]) -> None:
        super().__init__(sentence)
        self.status = status
        self.retry_after = retry_after


@dataclass(frozen=True)
class Mask:
    """One class id per pixel.

    Attributes:
        labels: (height, width) uint8 class ids, read-only.
        names: of the classes, by id.
        palette: (classes, 3) uint8 RGB, by id.
        timings: milliseconds of each stage in the daemon; empty for a stream's mask.
        frame_number: position in its stream; None for a mask of one's own image.
        captured_at: seconds since the epoch when a stream's frame was taken; else None.
        etag: which frame of a stream this is, for `Client.newest`.
    """

    labels: np.ndarray
    names: Tuple[str, ...]
    palette: np.ndarray
    timings: Mapping[str, float]
    frame_number: Optional[int] = None
    captured_at: Optional[float] = None
    etag: Optional[str] = None

    def of(self, name: str) -> np.ndarray:
        """Where a class is: (height, width) bool."""
        where: np.ndarray = self.labels == self.names.index(name)
        return where

    def share(self, name: str) -> float:
        """Share of the pixels that are of a class, 0 to 1."""
        return float(self.of(name).mean())

    def colours(self) -> np.ndarray:
        """The mask as an image: (height, width, 3) uint8 RGB."""
        return np.take(self.palette, self.labels, axis=0)


class Client:
    """Asks one daemon; safe for many threads, each of which keeps a connection of its own.

    Args:
        url: of the daemon, such as "http://127.0.0.1:8080".
        timeout: seconds to wait for an answer.
        token: that the daemon asks for; it asks for none on loopback.
        certificate: PEM file of the daemon's own, where no known authority has signed it.
    """

    def __init__(
        self,
        url: str,
        timeout: float = 30.0,
        token: Optional[str] = None,
        certificate: Optional[Union[str, os.PathLike[str]]] = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError(f"{url!r} is not the address of a daemon, http://HOST:PORT")
        if token is not None and not re.fullmatch(r"[!-~]+", token):
            raise ValueError("the token has spaces, line ends or letters that no token has")
        self._host, self._base = parts.netloc, parts.path.rstrip("/")
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._trust: Optional[ssl.SSLContext] = None
        if parts.scheme == "https":
            self._trust = ssl.create_default_context(cafile=certificate)
        self._timeout = timeout
        self._mine = threading.local()
        self._all: List[http.client.HTTPConnection] = []

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes all connections; a later call opens new ones."""
        self._mine = threading.local()
        while self._all:
            self._all.pop().close()

    def segment(self, image: Image, size: str = "frame") -> Mask:
        """The mask of an image.

        Args:
            image: its bytes or its path.
            size: "frame" for a mask of the image's size, "model" for one of the network's.

        Raises:
            Refused: with the daemon's sentence.
            Unreachable: no daemon answered.
        """
        answer = self._ask("POST", "/segment", {"format": "png", "size": size}, image)
        return _mask(answer)

    def encoded(self, image: Image, form: str, **options: object) -> bytes:
        """The answer of POST /segment as it is.

        Args:
            image: its bytes or its path.
            form: "png", "overlay", "raw", "json", "rle" or "polygons".
            options: `size`, `opacity`, `quality` or `epsilon`.
        """
        return self._ask("POST", "/segment", {"format": form, **options}, image).body

    def engine(self) -> Dict[str, Any]:
        """GET /engine: name, precision, classes and evidence of the engine in service."""
        return self._json("/engine")

    def streams(self) -> List[Dict[str, Any]]:
        """GET /streams: how every stream is."""
        found: List[Dict[str, Any]] = self._json("/streams")["streams"]
        return found

    def newest(self, stream: str, after: Optional[Mask] = None) -> Optional[Mask]:
        """The newest mask of a stream.

        Args:
            stream: its id.
            after: a mask that is already here; None comes back where there is no newer one.
        """
        known = {} if after is None or after.etag is None else {"If-None-Match": after.etag}
        address = f"/streams/{quote(stream, safe='')}/mask"
        answer = self._ask("GET", address, {"format": "png"}, headers=known)
        return None if answer.status == http.client.NOT_MODIFIED else _mask(answer)

    def _json(self, address: str) -> Dict[str, Any]:
        document: Dict[str, Any] = json.loads(self._ask("GET", address).body)
        return document

    def _ask(
        self,
        method: str,
        address: str,
        query: Optional[Mapping[str, object]] = None,
        image: Optional[Image] = None,
        headers: Optional[Mapping[str, str]] = None,
    ) -> _Answer:
        body = Path(image).read_bytes() if isinstance(image, (str, os.PathLike)) else image
        target = self._base + address + (f"?{urlencode(query)}" if query else "")
        request = _Request(method, target, body, {**self._headers, **(headers or {})})
        try:
            answer = self._exchange(request)
        except (OSError, http.client.HTTPException) as error:
            self._mine.connection.close()
            problem = str(error) or type(error).__name__
            raise Unreachable(f"{self._host} gave no answer: {problem}") from error
        if answer.status in (http.client.OK, http.client.NOT_MODIFIED):
            return answer
        raise answer.refusal()

    def _exchange(self, request: _Request) -> _Answer:
        connection = getattr(self._mine, "connection", None)
        if connection is None:
            connection = self._connection()
            self._mine.connection = connection
            self._all.append(connection)
        kept = connection.sock is not None
        try:
            return request.over(connection)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            connection.close()
            # A daemon closes connections that were idle; asking for a mask twice does no harm.
            if not kept:
                raise
            return request.over(connection)

    def _connection(self) -> http.client.HTTPConnection:
        if self._trust is None:
            return http.client.HTTPConnection(self._host, timeout=self._timeout)
        return http.client.HTTPSConnection(self._host, timeout=self._timeout, context=self._trust)


@dataclass(frozen=True)
class _Request:
    method: str
    target: str
    body: Optional[bytes]
    headers: Dict[str, str]

    def over(self, connection: http.client.HTTPConnection) -> _Answer:
        try:
            connection.request(self.method, self.target, self.body, self.headers)
        except (BrokenPipeError, ConnectionResetError):
            # The daemon refuses what is too large before it has read it; its reason is on the way.
            if self.body is None:
                raise
        response = connection.getresponse()
        return _Answer(response.status, dict(response.getheaders()), response.read())


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> Optional[str]:
        wanted = name.lower()
        return next((v for key, v in self.headers.items() if key.lower() == wanted), None)

    def refusal(self) -> ClientError:
        try:
            sentence = str(json.loads(self.body)["error"])
        except (ValueError, KeyError, TypeError):
            return Unreachable(f"status {self.status} came from something that is not the daemon")
        retry_after = self.header("Retry-After")
        return Refused(sentence, self.status, None if retry_after is None else float(retry_after))


def _mask(answer: _Answer) -> Mask:
    chunks = dict(_chunks(answer.body))
    try:
        width, height = struct.unpack_from(">II", chunks[b"IHDR"])
        rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8)
        # Each row begins with its filter, and the daemon uses none.
        labels = rows.reshape(height, width + 1)[:, 1:]
        palette = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)
        names = json.loads(chunks[b"iTXt"].partition(b"\0\0\0\0\0")[2])
    except (KeyError, ValueError, struct.error, zlib.error) as error:
        raise Unreachable(f"the answer is not a label map: {error!r}") from error
    number, captured_at = answer.header("X-Frame-Number"), answer.header("X-Frame-Timestamp")
    return Mask(
        labels=labels,
        names=tuple(names),
        palette=palette,
        timings=_timings(answer.header("Server-Timing") or ""),
        frame_number=None if number is None else int(number),
        captured_at=None if captured_at is None else float(captured_at),
        etag=answer.header("ETag"),
    )


def _chunks(png: bytes) -> Iterator[Tuple[bytes, bytes]]:
    position = 8
    while position + 12 <= len(png):
        (length,) = struct.unpack_from(">I", png, position)
        yield png[position + 4 : position + 8], png[position + 8 : position + 8 + length]
        position += 12 + length


def _timings(header: str) -> Dict[str, float]:
    stages = (stage.partition(";dur=") for stage in header.replace(" ", "").split(","))
    return {name: float(milliseconds) for name, _, milliseconds in stages if milliseconds}
