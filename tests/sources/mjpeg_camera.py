"""A camera that speaks MJPEG over HTTP, on this machine, with faults on demand."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Type

import cv2

from runtime.sources.synthetic import pattern

HEIGHT, WIDTH, RATE = 96, 160, 30.0
SECRET = "hunter2"  # noqa: S105 - opens nothing


class MjpegCamera:
    """Shows the synthetic pattern from frame 0 to everyone who connects; a context manager.

    Args:
        port: where; 0 picks a free one.
        status: of its answers; other than 200 there are no images.

    Attributes:
        connections: how many clients have been answered.
        sent: how many frames, over all connections.
    """

    def __init__(self, port: int = 0, status: int = 200) -> None:
        self.status = status
        self.connections = self.sent = 0
        self._flowing = threading.Event()
        self._flowing.set()
        self._hang_up = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def uri(self) -> str:
        return f"http://viewer:{SECRET}@127.0.0.1:{self._server.server_address[1]}/cam.mjpg"

    def has_sent(self, frames: int) -> bool:
        return self.sent >= frames

    def freeze(self) -> None:
        """Goes silent without closing a connection."""
        self._flowing.clear()

    def thaw(self) -> None:
        self._flowing.set()

    def hang_up(self) -> None:
        """Closes the connections; new ones are answered."""
        self._hang_up.set()
        self._hang_up = threading.Event()

    def __enter__(self) -> MjpegCamera:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._hang_up.set()
        self._flowing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> Type[BaseHTTPRequestHandler]:
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(camera.status)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                if camera.status == 401:
                    self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                self.end_headers()
                camera.connections += 1
                if camera.status != 200:
                    return
                try:
                    self._send_frames(camera._hang_up)
                except ConnectionError:
                    self.close_connection = True

            def _send_frames(self, hang_up: threading.Event) -> None:
                number = 0
                while not hang_up.wait(1 / RATE):
                    if camera._flowing.wait(0.01):
                        jpeg = cv2.imencode(".jpg", pattern(number, HEIGHT, WIDTH))[1].tobytes()
                        head = f"--frame\r\nContent-Length: {len(jpeg)}\r\n"
                        self.wfile.write(head.encode() + b"Content-Type: image/jpeg\r\n\r\n")
                        self.wfile.write(jpeg + b"\r\n")
                        number += 1
                        camera.sent += 1

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        return Handler
