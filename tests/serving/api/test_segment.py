from __future__ import annotations

import json
import re
import struct
import threading
import zlib
from typing import Dict, Iterator, List

import cv2
import numpy as np
import pytest

from tests.engines import HEIGHT, WIDTH
from tests.serving.api.serving import (
    FRAME_HEIGHT,
    FRAME_WIDTH,
    Parts,
    Served,
    half_bright,
    image,
    raw_connection,
    served,
    upload_head,
)

STAGES = ["queue", "decode", "preprocess", "infer", "postprocess", "encode"]


@pytest.fixture(scope="module")
def idle() -> Iterator[Served]:
    with served(Parts(settings={"upload_bytes": 20_000, "image_pixels": 1_000_000})) as running:
        yield running


def truth() -> np.ndarray:
    return (half_bright()[..., 0] > 0).astype(np.uint8)


@pytest.mark.parametrize("kind", [".png", ".jpg", ".webp"])
def test_the_bytes_of_an_image_become_its_label_map(idle: Served, kind: str) -> None:
    answer = idle.client.post("/segment?format=raw", content=image(kind))
    assert answer.status_code == 200
    labels = np.frombuffer(answer.content, np.uint8).reshape(FRAME_HEIGHT, FRAME_WIDTH)
    assert np.array_equal(labels, truth())


def test_the_headers_name_the_engine_the_sizes_and_the_stages(idle: Served) -> None:
    headers = idle.client.post("/segment?size=model", content=image()).headers
    assert headers["X-Engine"] == "dark-or-bright"
    sizes = [headers[f"X-{part}"] for part in ("Frame-Height", "Frame-Width")]
    assert sizes == [str(FRAME_HEIGHT), str(FRAME_WIDTH)]
    # The frame's rectangle of the 32 x 64 input, without the padding left and right of it.
    assert (headers["X-Mask-Height"], headers["X-Mask-Width"]) == ("32", "64")
    assert re.findall(r"([a-z]+);dur=\d+\.\d+", headers["Server-Timing"]) == STAGES


@pytest.mark.parametrize(
    ("address", "accept", "media_type"),
    [
        ("/segment", "*/*", "image/png"),
        ("/segment", "image/jpeg", "image/jpeg"),
        ("/segment", "application/json", "application/json"),
        ("/segment?format=overlay", "image/png", "image/jpeg"),
        ("/segment?format=raw", "*/*", "application/octet-stream"),
        ("/segment?format=rle", "*/*", "application/json"),
        ("/segment?format=polygons&epsilon=0", "*/*", "application/json"),
        ("/segment?format=json", "*/*", "application/json"),
    ],
)
def test_the_answer_has_the_form_that_was_asked_for(
    idle: Served, address: str, accept: str, media_type: str
) -> None:
    answer = idle.client.post(address, content=image(), headers={"Accept": accept})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, media_type)


def test_a_mask_is_a_image_whose_colours_are_the_palette(idle: Served) -> None:
    answer = idle.client.post("/segment", content=image())
    shown = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    assert shown[0, 0].tolist() == [64, 0, 0]
    assert shown[0, -1].tolist() == [0, 255, 255]


def test_the_mask_of_the_model_size_is_the_frame_without_padding(idle: Served) -> None:
    answer = idle.client.post("/segment?format=raw&size=model", content=image())
    assert len(answer.content) == HEIGHT * WIDTH


def png_claiming(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk


BAD_BODIES = [
    (b"", 400, "empty"),
    (b"hello, world", 415, "JPEG, PNG or WebP"),
    (b"GIF89a" + bytes(100), 415, "JPEG, PNG or WebP"),
    (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "JPEG, PNG or WebP"),
    (image(".jpg")[:-50], 400, "truncated"),
    (image(".png")[:-20], 400, "truncated"),
    (png_claiming(50_000, 50_000), 413, "50000 x 50000"),
    (bytes(20_001), 413, "20000 bytes"),
]


@pytest.mark.parametrize(("body", "status", "sentence"), BAD_BODIES)
def test_a_bad_body_gets_one_clear_sentence(
    idle: Served, body: bytes, status: int, sentence: str
) -> None:
    answer = idle.client.post("/segment", content=body)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert sentence in answer.json()["error"]
    assert "Traceback" not in answer.text
    assert idle.client.post("/segment", content=image()).status_code == 200


@pytest.mark.parametrize(
    ("address", "headers", "status", "sentence"),
    [
        ("/segment?format=gif", {}, 400, "no format 'gif'"),
        ("/segment?fromat=raw", {}, 400, "There is no parameter 'fromat' here"),
        ("/segment?opacity=7", {}, 400, "opacity"),
        ("/segment?opacity=nan", {}, 400, "opacity"),
        ("/segment?size=huge", {}, 400, "size"),
        ("/segment?quality=ten", {}, 400, "quality"),
        ("/segment", {"Accept": "video/mp4"}, 406, "video/mp4"),
    ],
)
def test_a_question_that_makes_no_sense_is_answered_in_words(
    idle: Served, address: str, headers: Dict[str, str], status: int, sentence: str
) -> None:
    answer = idle.client.post(address, content=image(), headers=headers)
    assert answer.status_code == status
    assert sentence in answer.json()["error"]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("format=png&format=json", "'format' is given twice"),
        ("opacity=", "opacity = ''"),
        ("f%C3%B6rmat=png", "no parameter 'förmat'"),
        ("format=%ff", "no format"),
        ("a;b", "no parameter 'a;b'"),
        ("format=" + "x" * 5000, "at most 64"),
    ],
)
def test_an_odd_parameter_gets_one_short_sentence(idle: Served, query: str, sentence: str) -> None:
    answer = idle.client.post(f"/segment?{query}", content=image())
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]
    assert len(answer.json()["error"]) < 250


@pytest.mark.parametrize("name", ["street.png", "Straße 1.png", 'a"b;c.png', ""])
def test_a_form_with_one_file_is_understood(idle: Served, name: str) -> None:
    files = {"file": (name or "x", image(), "image/png")}
    answer = idle.client.post("/segment?format=raw", files=files)
    assert answer.status_code == 200
    assert answer.content == idle.client.post("/segment?format=raw", content=image()).content


def test_a_form_with_two_files_is_refused(idle: Served) -> None:
    answer = idle.client.post("/segment", files={"a": image(), "b": image()})
    assert answer.status_code == 400
    assert "more than one file" in answer.json()["error"]


def test_only_post_makes_sense(idle: Served) -> None:
    answer = idle.client.get("/segment")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert "GET" in answer.json()["error"]


def test_a_chunked_body_is_counted_as_it_arrives(idle: Served) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(30):
            yield bytes(1000)

    answer = idle.client.post("/segment", content=chunks())
    assert "Content-Length" not in answer.request.headers
    assert answer.status_code == 413


def test_a_body_that_is_announced_too_long_is_refused_before_it_is_sent(idle: Served) -> None:
    with raw_connection(idle) as connection:
        connection.sendall(upload_head(10**12))
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_body_that_does_not_end_is_not_waited_for() -> None:
    parts = Parts(settings={"upload_seconds": 0.05})
    with served(parts) as running, raw_connection(running) as connection:
        connection.sendall(upload_head(1000) + b"\xff\xd8\xff")
        assert connection.recv(100).startswith(b"HTTP/1.1 408 ")


def test_bodies_of_all_clients_together_are_bounded() -> None:
    parts = Parts(settings={"upload_bytes": 10_000, "upload_memory_bytes": 10_000})
    with served(parts) as running, raw_connection(running) as slow:
        slow.sendall(upload_head(9_000) + bytes(8_000))
        # The first upload has arrived when a second one no longer fits.
        answers = (running.client.post("/segment", content=bytes(5_000)) for _ in range(1000))
        refused = next(answer for answer in answers if answer.status_code == 503)
        assert "uploads" in refused.json()["error"]
        slow.close()
        freed = (running.client.post("/segment", content=image()) for _ in range(1000))
        assert any(answer.status_code == 200 for answer in freed)


def test_many_clients_at_once_all_get_their_own_masks(idle: Served) -> None:
    shades = [np.full((FRAME_HEIGHT, FRAME_WIDTH, 3), 40 * n, np.uint8) for n in range(7)]
    bodies = [cv2.imencode(".png", shade)[1].tobytes() for shade in shades]
    found: List[bool] = []

    def ask(number: int) -> None:
        body = bodies[number % 7]
        answer = idle.client.post("/segment?format=json", content=body)
        names = [c["name"] for c in json.loads(answer.content)["classes"]]
        found.append(names == ["bright" if 40 * (number % 7) > 127 else "dark"])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == [True] * 8
