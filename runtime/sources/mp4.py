"""What an MP4 or MOV file says of its video track, read from its boxes (ISO/IEC 14496-12).

OpenCV tells the samples that a file stores, not those that its edit list shows, and turns a
mirrored track without mirroring it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Dict, Iterator, List, Optional, Tuple

import numpy as np

# An index of a day at 60 frames a second is a tenth of this.
LARGEST_INDEX = 1 << 28
CONTAINERS = (b"trak", b"edts", b"mdia", b"minf", b"stbl")
Matrix = Tuple[int, int, int, int]


@dataclass(frozen=True)
class Mp4Track:
    """The one video track of a file.

    Attributes:
        frames: how many of its samples are shown; None where the file does not say beforehand.
        seconds: how long they are shown; None where the file does not say beforehand.
        matrix: (a, b, c, d), each -1, 0 or 1: column x, row y of the coded image is shown at
            a x + c y, b x + d y.
        formats: sample formats; of more than one each may have a size of its own.
    """

    frames: Optional[int]
    seconds: Optional[float]
    matrix: Matrix
    formats: int

    @property
    def mirrored(self) -> bool:
        """Whether it is shown as in a mirror, turned or not."""
        a, b, c, d = self.matrix
        return a * d - b * c < 0


def read_mp4_track(path: Path) -> Optional[Mp4Track]:
    """The video track of an MP4 file; None where it is no MP4 or has not exactly one.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        index = _index(file)
    if index is None:
        return None
    try:
        movie_scale = 0
        tracks: List[Dict[bytes, memoryview]] = []
        for kind, content in _boxes(index):
            if kind == b"mvhd":
                movie_scale = _times(content, before=2)[0]
            elif kind == b"trak":
                tracks.append(dict(_leaves(content)))
        videos = [track for track in tracks if bytes(track[b"hdlr"][8:12]) == b"vide"]
        return _track(videos[0], movie_scale) if len(videos) == 1 and movie_scale else None
    except (KeyError, ValueError, struct.error):
        # A damaged index: the decoder will say more about it.
        return None


def _index(file: BinaryIO) -> Optional[memoryview]:
    """The content of the box `moov`."""
    while True:
        head = file.read(8)
        if len(head) < 8:
            return None
        size, kind = struct.unpack(">I4s", head)
        header = 8
        if size == 1:
            header, long_size = 16, file.read(8)
            if len(long_size) < 8:
                return None
            size = int.from_bytes(long_size, "big")
        if kind == b"moov":
            return memoryview(file.read(min(size - header, LARGEST_INDEX))) if size else None
        if size < header or not kind.isalnum():
            return None
        file.seek(size - header, 1)


def _boxes(content: memoryview) -> Iterator[Tuple[bytes, memoryview]]:
    at = 0
    while at + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        if size < 8:
            return
        yield kind, content[at + 8 : at + size]
        at += size


def _leaves(content: memoryview) -> Iterator[Tuple[bytes, memoryview]]:
    for kind, inner in _boxes(content):
        if kind in CONTAINERS:
            yield from _leaves(inner)
        else:
            yield kind, inner


def _times(box: memoryview, before: int) -> Tuple[int, ...]:
    """The numbers after a versioned box's dates: `before` of them are 32 or 64 bits wide."""
    wide = box[0] == 1
    layout = ">" + ("Q" if wide else "I") * before + "II"
    values = struct.unpack_from(layout, box, 4)
    return values[before:]


def _track(boxes: Dict[bytes, memoryview], movie_scale: int) -> Mp4Track:
    header = boxes[b"tkhd"]
    wide = header[0] == 1
    duration = (
        struct.unpack_from(">Q", header, 28) if wide else struct.unpack_from(">I", header, 20)
    )
    a, b, _, c, d = struct.unpack_from(">5i", header, 52 if wide else 40)
    unknown = duration[0] in (0, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
    return Mp4Track(
        _shown(boxes, movie_scale),
        None if unknown else duration[0] / movie_scale,
        (_sign(a), _sign(b), _sign(c), _sign(d)),
        struct.unpack_from(">I", boxes[b"stsd"], 4)[0],
    )


def _sign(fixed: int) -> int:
    """A 16.16 number, rounded to -1, 0 or 1."""
    return 0 if abs(fixed) < 1 << 15 else 1 if fixed > 0 else -1


def _shown(boxes: Dict[bytes, memoryview], movie_scale: int) -> Optional[int]:
    """How many samples lie within the edits of the track."""
    runs = _table(boxes[b"stts"], ">u4").reshape(-1, 2)
    if int(runs[:, 0].sum()) > LARGEST_INDEX:
        raise ValueError("more samples than an index of this size can list")
    steps = np.repeat(runs[:, 1].astype(np.int64), runs[:, 0])
    if not len(steps):
        return None
    times = np.concatenate(([0], np.cumsum(steps[:-1])))
    if b"ctts" in boxes:
        offsets = _table(boxes[b"ctts"], ">i4").reshape(-1, 2)
        times = times + np.repeat(offsets[:, 1].astype(np.int64), offsets[:, 0])[: len(times)]
    if b"elst" not in boxes:
        return len(times)
    scale = _times(boxes[b"mdhd"], before=2)[0]
    shown = 0
    for length, start in _edits(boxes[b"elst"]):
        # A length of 0 lasts to the end.
        end = start + length * scale / movie_scale if length else float("inf")
        shown += int(((times >= start) & (times < end)).sum()) if start >= 0 else 0
    return shown


def _table(box: memoryview, kind: str) -> np.ndarray:
    """The pairs of numbers of a table box, flat."""
    count = struct.unpack_from(">I", box, 4)[0]
    return np.frombuffer(box, kind, count=2 * count, offset=8)


def _edits(box: memoryview) -> Iterator[Tuple[int, int]]:
    """Length (in the movie's time scale) and start (in the track's; -1: nothing) of each edit."""
    layout = struct.Struct(">QqI" if box[0] == 1 else ">IiI")
    count = struct.unpack_from(">I", box, 4)[0]
    for number in range(count):
        length, start, _rate = layout.unpack_from(box, 8 + number * layout.size)
        yield length, start
