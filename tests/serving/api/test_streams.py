from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Dict, Iterator, NamedTuple, Tuple

import cv2
import httpx
import numpy as np
import pytest

from tests.serving.api.live import HandMadeStream
from tests.serving.api.serving import Parts, Served, served
from tests.waiting import wait_until


@pytest.fixture
def live() -> Iterator[Tuple[Served, HandMadeStream]]:
    stream = HandMadeStream()
    with served(Parts(streams={"gate": stream})) as running:
        yield running, stream


class Part(NamedTuple):
    headers: Dict[str, str]
    image: bytes


class Watching:
    """A browser's view of an MJPEG answer."""

    def __init__(self, answer: httpx.Response) -> None:
        self._bytes = answer.iter_raw()
        self._seen = b""

    def until(self, mark: bytes) -> bytes:
        while mark not in self._seen:
            self._seen += next(self._bytes)
        before, _, self._seen = self._seen.partition(mark)
        return before

    def part(self) -> Part:
        lines = self.until(b"\r\n\r\n").decode().strip().split("\r\n")
        headers = dict(line.split(": ") for line in lines)
        while len(self._seen) < int(headers["Content-Length"]):
            self._seen += next(self._bytes)
        # The boundary that follows must be there without waiting for the next frame.
        image = self.until(b"\r\n--frame\r\n")
        return Part(headers, image)


@contextmanager
def watching(running: Served, address: str) -> Iterator[Watching]:
    with running.client.stream("GET", address) as answer:
        assert answer.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=frame"
        view = Watching(answer)
        view.until(b"--frame\r\n")
        yield view


def test_every_stream_tells_how_it_is(live: Tuple[Served, HandMadeStream]) -> None:
    running, stream = live
    stream.publish()
    (listed,) = running.client.get("/streams").json()["streams"]
    one = running.client.get("/streams/gate").json()
    for status in (listed, one):
        assert (status["id"], status["state"], status["live"]) == ("gate", "CONNECTING", True)
        assert status["frames"] == {"captured": 0, "processed": 1}
        assert status["classes"] == [{"id": 0, "share": 0.5}, {"id": 1, "share": 0.5}]


def test_images_come_as_they_are_published(live: Tuple[Served, HandMadeStream]) -> None:
    running, stream = live
    stream.publish()
    with watching(running, "/streams/gate/mjpeg") as view:
        assert view.part().headers["X-Frame-Number"] == "0"
        for number in (1, 2):
            stream.publish()
            part = view.part()
            assert part.headers["X-Frame-Number"] == str(number)
            assert float(part.headers["X-Frame-Timestamp"]) == 1000.0 + number
            shown = cv2.imdecode(np.frombuffer(part.image, np.uint8), cv2.IMREAD_COLOR)
            assert shown is not None
            assert shown.shape == (32, 64, 3)


def test_each_viewer_has_the_opacity_it_asked_for(live: Tuple[Served, HandMadeStream]) -> None:
    running, stream = live
    result = stream.publish()
    images = {}
    for opacity in (0.0, 1.0):
        with watching(running, f"/streams/gate/mjpeg?opacity={opacity}") as view:
            images[opacity] = view.part().image
    assert images == {opacity: result.overlays.jpeg(opacity) for opacity in images}
    assert images[0.0] != images[1.0]


def test_viewers_are_let_go_when_the_stream_ends(live: Tuple[Served, HandMadeStream]) -> None:
    running, stream = live
    with watching(running, "/streams/gate/mjpeg") as view:
        wait_until(lambda: stream.broadcast.viewers == 1)
        stream.broadcast.close()
        with pytest.raises(StopIteration):
            view.part()


def test_a_viewer_that_leaves_is_forgotten(live: Tuple[Served, HandMadeStream]) -> None:
    running, stream = live
    with watching(running, "/streams/gate/mjpeg"):
        wait_until(lambda: stream.broadcast.viewers == 1)
    wait_until(lambda: stream.broadcast.viewers == 0)


def test_many_viewers_at_once(live: Tuple[Served, HandMadeStream]) -> None:
    running, stream = live
    stream.publish()

    def first_number(_: int) -> str:
        with watching(running, "/streams/gate/mjpeg") as view:
            return view.part().headers["X-Frame-Number"]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(first_number, range(8))) == ["0"] * 8


@pytest.mark.parametrize("kind", ["overlay", "mask"])
def test_before_the_first_frame_there_is_nothing_to_see(
    live: Tuple[Served, HandMadeStream], kind: str
) -> None:
    answer = live[0].client.get(f"/streams/gate/{kind}")
    assert answer.status_code == 404
    assert "no frame yet" in answer.json()["error"]


def test_the_newest_mask_comes_in_every_form(live: Tuple[Served, HandMadeStream]) -> None:
    running, stream = live
    result = stream.publish()
    raw = running.client.get("/streams/gate/mask?format=raw")
    assert raw.content == result.labels.labels.tobytes()
    assert (raw.headers["X-Mask-Height"], raw.headers["X-Mask-Width"]) == ("32", "64")
    assert raw.headers["X-Frame-Number"] == "0"
    accepted = running.client.get("/streams/gate/mask", headers={"Accept": "application/json"})
    assert [c["name"] for c in accepted.json()["classes"]] == ["dark", "bright"]
    assert running.client.get("/streams/gate/mask?format=gif").status_code == 400
    assert running.client.get("/streams/gate/mask?size=frame").status_code == 400
    refused = running.client.get("/streams/gate/mask", headers={"Accept": "video/mp4"})
    assert refused.status_code == 406


@pytest.mark.parametrize("kind", ["overlay", "mask"])
def test_who_has_the_newest_frame_is_not_sent_it_again(
    live: Tuple[Served, HandMadeStream], kind: str
) -> None:
    running, stream = live
    stream.publish()
    tag = running.client.get(f"/streams/gate/{kind}").headers["ETag"]
    again = running.client.get(f"/streams/gate/{kind}", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    stream.publish()
    newer = running.client.get(f"/streams/gate/{kind}", headers={"If-None-Match": tag})
    assert newer.status_code == 200
    assert newer.headers["ETag"] != tag
