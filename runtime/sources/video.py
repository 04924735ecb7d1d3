"""A video file, decoded in this process; every frame is delivered, as a player would show it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Iterator, List, Optional, Tuple, Type

import cv2
import numpy as np
from typing_extensions import Protocol

from runtime.errors import SourceFailed
from runtime.files.library_path import path_for_libraries
from runtime.image.frame import Frame
from runtime.names import shown
from runtime.sources.address import ACCEPTED, FASTEST
from runtime.sources.mp4 import Mp4Track, read_mp4_track
from runtime.sources.picture_geometry import PictureGeometry

CONVERT = "Convert it, for example with `ffmpeg -i IN -c:v libx264 -pix_fmt yuv420p OUT.mp4`"
# Frames a second of a video that does not say.
UNDECLARED_RATE = 25.0


class Video(Protocol):
    """What is used of OpenCV's capture once it is open."""

    def get(self, setting: int, /) -> float:
        """A property, by OpenCV's number."""

    def grab(self) -> bool:
        """Waits for the next frame; False after the last."""

    def retrieve(self) -> Tuple[bool, np.ndarray]:
        """Whether the grabbed frame could be decoded, and its pixels."""


def declared_rate(capture: Video) -> Optional[float]:
    """Frames per second that an open capture declares; None where that is no sensible number."""
    rate = float(capture.get(cv2.CAP_PROP_FPS))
    return rate if 0 < rate <= FASTEST else None


@dataclass(frozen=True)
class Extent:
    """How long a video says that it is.

    Attributes:
        frames: None where it does not say exactly.
        seconds: None where it does not say.
    """

    frames: Optional[int] = None
    seconds: Optional[float] = None


def _opened(path: Path) -> cv2.VideoCapture:
    try:
        with path_for_libraries(path) as name:
            return cv2.VideoCapture(name)
    except OSError as error:
        raise SourceFailed(
            f"{path} cannot be read: {error.strerror}", "Give this user the right to read it"
        ) from error


class VideoFile:
    """The frames of a video file, in the order in which they are shown.

    Each has the position that its time stamp gives it; where a file has none, or they jump back, it
    follows the frame before it at the declared rate. Frames are turned and mirrored as the file
    asks, and stretched to square pixels.
    """

    live = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self.frame_rate: Optional[float] = None
        self.extent = Extent()
        self._capture: Optional[cv2.VideoCapture] = None
        self._geometry = PictureGeometry()
        self._clock = PositionClock(1 / UNDECLARED_RATE)
        self._next = 0
        self._interrupted = False

    def __enter__(self) -> VideoFile:
        if not self._path.is_file():
            raise SourceFailed(f"there is no file or folder {self._path}", ACCEPTED)
        capture = _opened(self._path)
        if not capture.isOpened():
            raise SourceFailed(f"{self._path} cannot be opened as a video", CONVERT)
        track = read_mp4_track(self._path)
        self.frame_rate = declared_rate(capture)
        self.extent = _extent(capture, self.frame_rate, track)
        self._geometry = PictureGeometry.of(capture, track)
        self._clock = PositionClock(1 / (self.frame_rate or UNDECLARED_RATE))
        self._capture, self._next = capture, 0
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def read(self) -> Optional[Frame]:
        """The next frame.

        Raises:
            SourceFailed: not even the first frame can be decoded.
        """
        if self._interrupted or self._capture is None:
            return None
        decoded, pixels = self._capture.read()
        if not decoded and self._next == 0:
            raise SourceFailed(f"no frame of {self._path} can be decoded", CONVERT)
        if not decoded:
            return None
        number, self._next = self._next, self._next + 1
        position = self._clock.position(self._capture)
        turned = self._geometry.shown(pixels)
        return Frame(turned, number, time.time(), shown(self._path.name), position=position)

    def positions(self) -> List[float]:
        """Reads to the end and gives the position of every frame, seconds, but no pixels."""
        positions = []
        while self._capture is not None and not self._interrupted and self._capture.grab():
            positions.append(self._clock.position(self._capture))
        return positions

    def interrupt(self) -> None:
        """Ends the video."""
        self._interrupted = True

    def __iter__(self) -> Iterator[Frame]:
        return iter(self.read, None)


class PositionClock:
    """Time stamps made positions: from 0 on and ever rising.

    Args:
        interval: seconds between two frames whose time stamps do not tell.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._start = 0.0
        self._last: Optional[float] = None

    def position(self, capture: Video) -> float:
        """Of the frame that was just grabbed, seconds."""
        stamp = float(capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000
        if self._last is None:
            self._start, self._last = stamp, 0.0
            return 0.0
        if stamp - self._start <= self._last:
            # No time stamps at all, or the recordings of two cameras joined: time goes on.
            self._start = stamp - self._last - self._interval
        self._last = max(stamp - self._start, self._last + 1e-6)
        return self._last


def _extent(capture: Video, rate: Optional[float], track: Optional[Mp4Track]) -> Extent:
    if track is not None and track.seconds:
        return Extent(track.frames, track.seconds)
    # Other containers tell a length, from which OpenCV reckons a number of frames.
    frames = float(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    return Extent(seconds=frames / rate) if rate and frames > 0 else Extent()
