"""Uncompressed frames with time stamps, as Matroska: the way to hand both to ffmpeg in one pipe."""

from __future__ import annotations

from typing import Tuple

import numpy as np

NANOSECONDS = 1_000_000_000
UNKNOWN_SIZE = b"\x01" + b"\xff" * 7
# Element ids of the Matroska specification (RFC 9559).
EBML = bytes.fromhex("1a45dfa3")
DOC_TYPE, DOC_TYPE_VERSION, DOC_TYPE_READ_VERSION = map(bytes.fromhex, ("4282", "4287", "4285"))
SEGMENT, INFO, TIMESTAMP_SCALE = map(bytes.fromhex, ("18538067", "1549a966", "2ad7b1"))
TRACKS, TRACK, NUMBER, UID, KIND = map(bytes.fromhex, ("1654ae6b", "ae", "d7", "73c5", "83"))
CODEC, DEFAULT_DURATION, VIDEO = map(bytes.fromhex, ("86", "23e383", "e0"))
WIDTH, HEIGHT, COLOURS = map(bytes.fromhex, ("b0", "ba", "2eb524"))
CLUSTER, TIMESTAMP, GROUP = map(bytes.fromhex, ("1f43b675", "e7", "a0"))
BLOCK = bytes.fromhex("a1")
# Track 1, at the cluster's own time, no flags.
BLOCK_HEAD = b"\x81\x00\x00\x00"


def file_head(size: Tuple[int, int], frame_rate: float) -> bytes:
    """What comes before the first frame.

    Args:
        size: (height, width), pixels.
        frame_rate: frames a second, where nothing else is known.
    """
    height, width = size
    video = _element(
        VIDEO, _number(WIDTH, width), _number(HEIGHT, height), _element(COLOURS, b"BGR\x18")
    )
    interval = round(NANOSECONDS / frame_rate)
    track = _element(
        TRACK,
        *(_number(NUMBER, 1), _number(UID, 1), _number(KIND, 1)),
        *(_number(DEFAULT_DURATION, interval), _element(CODEC, b"V_UNCOMPRESSED"), video),
    )
    versions = _number(DOC_TYPE_VERSION, 4), _number(DOC_TYPE_READ_VERSION, 2)
    return (
        _element(EBML, _element(DOC_TYPE, b"matroska"), *versions)
        + (SEGMENT + UNKNOWN_SIZE)
        + _element(INFO, _number(TIMESTAMP_SCALE, 1))
        + _element(TRACKS, track)
    )


def frame_head(image: np.ndarray, position: float) -> bytes:
    """What comes before the pixels of a frame.

    Args:
        image: (height, width, 3) uint8 BGR; its bytes follow.
        position: seconds from the first frame.
    """
    time = _number(TIMESTAMP, round(position * NANOSECONDS))
    block = BLOCK + _size(len(BLOCK_HEAD) + image.nbytes) + BLOCK_HEAD
    group = GROUP + _size(len(block) + image.nbytes) + block
    return CLUSTER + _size(len(time) + len(group) + image.nbytes) + time + group


def _element(name: bytes, *content: bytes) -> bytes:
    whole = b"".join(content)
    return name + _size(len(whole)) + whole


def _number(name: bytes, value: int) -> bytes:
    return _element(name, value.to_bytes(8, "big"))


def _size(size: int) -> bytes:
    return (1 << 56 | size).to_bytes(8, "big")
