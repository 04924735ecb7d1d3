"""A video file, decoded in this process; every frame is delivered."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Iterator, Optional, Tuple, Type

import cv2
import numpy as np
from typing_extensions import Protocol

from runtime.errors import SourceFailed
from runtime.files.library_path import path_for_libraries
from runtime.image.frame import Frame
from runtime.names import shown
from runtime.sources.address import ACCEPTED, FASTEST

CONVERT = "Convert it, for example with `ffmpeg -i IN -c:v libx264 -pix_fmt yuv420p OUT.mp4`"


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


def _opened(path: Path) -> cv2.VideoCapture:
    try:
        with path_for_libraries(path) as name:
            return cv2.VideoCapture(name)
    except OSError as error:
        raise SourceFailed(
            f"{path} cannot be read: {error.strerror}", "Give this user the right to read it"
        ) from error


class VideoFile:
    """The frames of a video file, in order."""

    live = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self.frame_rate: Optional[float] = None
        self._capture: Optional[cv2.VideoCapture] = None
        self._next = 0
        self._interrupted = False

    def __enter__(self) -> VideoFile:
        if not self._path.is_file():
            raise SourceFailed(f"there is no file or folder {self._path}", ACCEPTED)
        capture = _opened(self._path)
        if not capture.isOpened():
            raise SourceFailed(f"{self._path} cannot be opened as a video", CONVERT)
        self.frame_rate = declared_rate(capture)
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
        return Frame(pixels, number, time.time(), shown(self._path.name))

    def interrupt(self) -> None:
        """Ends the video."""
        self._interrupted = True

    def __iter__(self) -> Iterator[Frame]:
        return iter(self.read, None)
