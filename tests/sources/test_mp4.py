from __future__ import annotations

import struct
from pathlib import Path
from typing import Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.sources.mp4 import Mp4Track, read_mp4_track

ONE = 1 << 16
UPRIGHT = (ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30)
MIRRORED = (-ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30)


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def table(kind: bytes, layout: str, *rows: Tuple[int, ...]) -> bytes:
    packed = b"".join(struct.pack(layout, *row) for row in rows)
    return box(kind, struct.pack(">II", 0, len(rows)), packed)


def movie(
    *edits: Tuple[int, int, int], matrix: Tuple[int, ...] = UPRIGHT, reordered: bool = False
) -> bytes:
    """Ten frames of 100 units each at 1000 a second; the movie counts 500 a second."""
    index = table(b"stts", ">II", (10, 100))
    if reordered:
        index += table(b"ctts", ">Ii", (1, 200), (1, 500), (8, 200))
    header = struct.pack(">IIIIII", 0, 0, 0, 1, 0, 500) + bytes(16) + struct.pack(">9i", *matrix)
    samples = box(b"stbl", box(b"stsd", struct.pack(">II", 0, 1)), index)
    clock = box(b"mdhd", struct.pack(">IIIII", 0, 0, 0, 1000, 1000))
    media = box(b"mdia", clock, box(b"hdlr", bytes(8), b"vide"), box(b"minf", samples))
    edited = box(b"edts", table(b"elst", ">IiI", *edits)) if edits else b""
    track = box(b"trak", box(b"tkhd", header), edited, media)
    times = box(b"mvhd", struct.pack(">IIIII", 0, 0, 0, 500, 500))
    return box(b"ftyp", b"isom") + box(b"mdat", bytes(50)) + box(b"moov", times, track)


def read(path: Path, content: bytes) -> Mp4Track:
    path.write_bytes(content)
    track = read_mp4_track(path)
    assert track is not None
    return track


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "clip.mp4"


def test_a_track_tells_its_frames_its_length_and_how_it_is_turned(path: Path) -> None:
    assert read(path, movie()) == Mp4Track(10, 1.0, (1, 0, 0, 1), 1)
    assert read(path, movie(matrix=MIRRORED)).mirrored


@pytest.mark.parametrize(
    ("edits", "shown"),
    [
        ([(500, 0, ONE)], 10),
        ([(250, 500, ONE)], 5),
        ([(250, 450, ONE)], 5),
        ([(100, 300, ONE)], 2),
        ([(100, -1, ONE), (300, 400, ONE)], 6),
        ([(0, 700, ONE)], 3),
    ],
)
def test_frames_outside_the_edits_are_not_shown(
    path: Path, edits: Tuple[Tuple[int, int, int], ...], shown: int
) -> None:
    assert read(path, movie(*edits)).frames == shown


def test_frames_are_shown_in_the_order_of_their_times_and_not_of_their_storage(path: Path) -> None:
    # At 200, 600, 400, 500, 600, 700 ... : what is stored second is shown later.
    assert read(path, movie((100, 200, ONE), reordered=True)).frames == 1


@pytest.mark.parametrize("content", [b"", b"no video", box(b"moov"), movie()[:-300]])
def test_what_has_no_whole_index_tells_nothing(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert read_mp4_track(path) is None


@given(st.data())
def test_no_damage_to_an_index_does_harm(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(movie((250, 500, ONE), reordered=True))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "clip.mp4"
    path.write_bytes(content)
    read_mp4_track(path)
