from __future__ import annotations

import ast
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Iterator, Tuple

import numpy as np
import pytest
from starlette.types import Receive, Scope, Send

from runtime import client as client_module
from runtime.client import Client, Refused, Unreachable
from runtime.serving.http_server import HttpServer
from runtime.serving.tls import Certificate
from tests.engines import HEIGHT, Gate
from tests.serving.api.live import HandMadeStream
from tests.serving.api.serving import (
    FRAME_HEIGHT,
    FRAME_WIDTH,
    Parts,
    Served,
    half_bright,
    image,
    served,
)
from tests.serving.certificates import make_certificate
from tests.serving.tokens import TOKENS, asking

BRIGHT = half_bright()[..., 0] > 0


@pytest.fixture(scope="module")
def daemon() -> Iterator[Tuple[Served, HandMadeStream]]:
    stream = HandMadeStream()
    parts = Parts(streams={"gate": stream}, settings={"upload_bytes": 20_000})
    with served(parts) as running:
        yield running, stream


@pytest.fixture
def client(daemon: Tuple[Served, HandMadeStream]) -> Iterator[Client]:
    with Client(str(daemon[0].client.base_url)) as client:
        yield client


class TestSegment:
    def test_bytes_become_a_mask(self, client: Client) -> None:
        mask = client.segment(image())
        assert np.array_equal(mask.labels, BRIGHT)
        assert mask.names == ("dark", "bright")
        assert np.array_equal(mask.of("bright"), BRIGHT)
        assert mask.share("bright") == pytest.approx(0.5)
        assert mask.colours()[0, 0].tolist() == [0, 0, 64]
        assert (mask.frame_number, mask.captured_at) == (None, None)

    @pytest.mark.parametrize("kind", [str, Path])
    def test_so_does_a_file(self, client: Client, tmp_path: Path, kind: type) -> None:
        (tmp_path / "a.jpg").write_bytes(image(".jpg"))
        assert np.array_equal(client.segment(kind(tmp_path / "a.jpg")).labels, BRIGHT)

    def test_the_model_s_size_can_be_asked_for(self, client: Client) -> None:
        assert client.segment(image(), size="model").labels.shape[0] == HEIGHT

    def test_it_says_where_the_time_went(self, client: Client) -> None:
        timings = client.segment(image()).timings
        assert list(timings) == ["queue", "decode", "preprocess", "infer", "postprocess", "encode"]
        assert min(timings.values()) >= 0

    def test_every_other_form_comes_as_it_is(self, client: Client) -> None:
        statistics = json.loads(client.encoded(image(), "json"))
        assert statistics["frame"] == {"height": FRAME_HEIGHT, "width": FRAME_WIDTH}
        assert client.encoded(image(), "overlay", opacity=0.2).startswith(b"\xff\xd8")

    def test_threads_may_share_it(self, client: Client) -> None:
        with ThreadPoolExecutor(4) as threads:
            masks = list(threads.map(lambda _: client.segment(image()), range(12)))
        assert all(np.array_equal(mask.labels, BRIGHT) for mask in masks)


class TestStreams:
    def test_the_engine_and_the_streams_are_described(self, client: Client) -> None:
        assert client.engine()["name"] == "dark-or-bright"
        assert [stream["id"] for stream in client.streams()] == ["gate"]

    def test_the_newest_mask_comes_once(
        self, client: Client, daemon: Tuple[Served, HandMadeStream]
    ) -> None:
        _, stream = daemon
        published = stream.publish()
        mask = client.newest("gate")
        assert mask is not None
        assert np.array_equal(mask.labels, published.labels.labels)
        assert mask.frame_number == published.frame.number
        assert mask.captured_at == published.frame.captured_at
        assert client.newest("gate", after=mask) is None
        stream.publish()
        newer = client.newest("gate", after=mask)
        assert newer is not None
        assert newer.frame_number == published.frame.number + 1

    def test_a_stream_that_is_not_there_is_refused(self, client: Client) -> None:
        with pytest.raises(Refused, match="there is no stream 'attic 1'") as caught:
            client.newest("attic 1")
        assert caught.value.status == 404


class TestFaults:
    def test_the_daemon_s_sentence_is_the_error(self, client: Client) -> None:
        with pytest.raises(Refused, match="no JPEG, PNG or WebP") as caught:
            client.segment(b"no image")
        assert (caught.value.status, caught.value.retry_after) == (415, None)

    def test_a_body_that_is_refused_before_it_was_read(self, client: Client) -> None:
        for _ in range(3):
            with pytest.raises(Refused, match="20000") as caught:
                client.segment(bytes(30_000_000))
            assert caught.value.status == 413
            assert np.array_equal(client.segment(image()).labels, BRIGHT)

    def test_overload_says_when_to_ask_again(self) -> None:
        gate = Gate()
        parts = Parts(before_run=gate, settings={"queue": 0})
        with served(parts) as running, ThreadPoolExecutor(1) as threads:
            client = Client(str(running.client.base_url))
            first = threads.submit(client.segment, image())
            gate.wait_for(1)
            with pytest.raises(Refused) as caught:
                client.segment(image())
            gate.open()
            assert np.array_equal(first.result().labels, BRIGHT)
            client.close()
        assert caught.value.status == 503
        assert caught.value.retry_after is not None

    def test_nobody_there(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            with Client(f"http://127.0.0.1:{port}") as client, pytest.raises(Unreachable):
                client.engine()

    def test_somebody_else_there(self) -> None:
        class Stranger(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_error(403)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        with HTTPServer(("127.0.0.1", 0), Stranger) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            client = Client(f"http://127.0.0.1:{server.server_port}")
            with client, pytest.raises(Unreachable, match=r"403 .* not the daemon"):
                client.engine()
            server.shutdown()
            thread.join()

    def test_a_connection_that_the_daemon_closed_is_opened_again(
        self, client: Client, daemon: Tuple[Served, HandMadeStream]
    ) -> None:
        client.engine()
        client._mine.connection.sock.shutdown(socket.SHUT_RDWR)
        assert client.engine()["name"] == "dark-or-bright"

    @pytest.mark.parametrize("url", ["127.0.0.1:8080", "ftp://camera", ""])
    def test_an_address_of_another_kind(self, url: str) -> None:
        with pytest.raises(ValueError, match="http://HOST:PORT"):
            Client(url)


class TestAccess:
    def test_it_shows_its_token(self) -> None:
        with served(Parts(access=asking())) as running:
            url = str(running.client.base_url)
            with Client(url, token=TOKENS["segment"]) as client:
                assert np.array_equal(client.segment(image()).labels, BRIGHT)
                with pytest.raises(Refused, match="scope view") as caught:
                    client.streams()
                assert caught.value.status == 403
            with Client(url) as stranger, pytest.raises(Refused, match="asks for a token"):
                stranger.engine()

    def test_what_is_no_token_is_refused_but_not_repeated(self) -> None:
        for token in ("hunter2\n", "hunter2 hunter2", "", "h\xfcnter2"):
            with pytest.raises(ValueError, match="token") as caught:
                Client("http://127.0.0.1:8080", token=token)
            assert "hunter2" not in str(caught.value)

    @pytest.mark.openssl
    def test_it_knows_a_certificate_that_nobody_signed(self, tmp_path: Path) -> None:
        certificate, key = make_certificate(tmp_path)

        async def answer(_scope: Scope, _receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b'{"streams": []}'})

        with HttpServer("127.0.0.1", 0, Certificate(certificate, key)) as server:
            server.start(answer, lambda: None)
            with Client(server.url, certificate=certificate) as client:
                assert client.streams() == []
            with Client(server.url) as stranger, pytest.raises(Unreachable, match="certificate"):
                stranger.streams()


def test_it_can_be_copied_out_of_the_project() -> None:
    """Its imports are the standard library's and NumPy."""
    tree = ast.parse(Path(client_module.__file__).read_text(encoding="utf-8"))
    roots = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            roots |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            roots.add(node.module.split(".")[0])
    assert not roots & {"runtime", "requests", "httpx", "cv2", "PIL"}
