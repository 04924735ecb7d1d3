"""Writing a video whole or not at all, with every frame that was given, at the time it was given.

With ffmpeg and its libx264 it is H.264, which browsers play, and every frame is shown at its exact
time. Without, it is MPEG-4 part 2 by OpenCV, which VLC and ffmpeg play, at a constant rate: a frame
that is shown for longer is written several times.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Optional, Tuple, Type

import cv2
import numpy as np
from typing_extensions import Protocol

from runtime.batch.ffmpeg import FfmpegEncoder, Size
from runtime.errors import OutputFailed
from runtime.files.library_path import path_for_libraries
from runtime.names import shown

# Of a constant rate; frames that follow faster are a burst, and those after it give it time.
FASTEST_CONSTANT = 120.0


def declared_frames(path: Path) -> Optional[int]:
    """How many frames a video says that it has; None where it says nothing sensible."""
    with path_for_libraries(path) as name:
        capture = cv2.VideoCapture(name)
    count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    capture.release()
    return count if count > 0 else None


class _Encoder(Protocol):
    @property
    def frames(self) -> int:
        """How many the file is to have."""

    def write(self, image: np.ndarray, position: float) -> None: ...

    def finish(self) -> None: ...

    def abandon(self) -> None: ...


class VideoWriter:
    """A video file that appears when its last frame is written; used by one thread.

    Leaving the `with` block by an exception leaves nothing behind.

    Args:
        path: an .mp4 file, replaced if it exists.
        size: (height, width) of every frame, pixels.
        frame_rate: frames per second, where frames are written without a position; without ffmpeg,
            the constant rate of the file.
        ffmpeg: an ffmpeg with libx264, or None to encode with OpenCV.
    """

    def __init__(self, path: Path, size: Size, frame_rate: float, ffmpeg: Optional[str]) -> None:
        self._path = path
        self._unfinished = path.with_name(f".{shown(path.stem)}.partial{path.suffix}")
        self._size = size
        self._rate = frame_rate
        self._ffmpeg = ffmpeg
        self._encoder: Optional[_Encoder] = None
        self._written = 0

    def __enter__(self) -> VideoWriter:
        # The encoder of a killed run may still be at its file; a new one of that name is another.
        if self._unfinished.exists():
            self._unfinished.unlink()
        if self._ffmpeg is not None:
            self._encoder = FfmpegEncoder(self._ffmpeg, self._unfinished, self._size, self._rate)
        else:
            self._encoder = _OpenCv(self._unfinished, self._size, self._rate)
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        encoder, self._encoder = self._encoder, None
        if encoder is None:
            return
        try:
            if error is not None:
                encoder.abandon()
                return
            encoder.finish()
            self._verify(encoder.frames)
            with self._unfinished.open("rb") as file:
                os.fsync(file.fileno())
            self._unfinished.replace(self._path)
        finally:
            if self._unfinished.exists():
                self._unfinished.unlink()

    def write(self, image: np.ndarray, position: Optional[float] = None) -> None:
        """Appends a frame.

        Args:
            image: (height, width, 3) uint8 BGR.
            position: seconds from the first frame, later than the frame before; None shows it at
                the video's rate.

        Raises:
            OutputFailed: it has another size, or the encoder gave up.
        """
        if image.shape[:2] != self._size:
            raise OutputFailed(
                f"frame {self._written} of {self._path} has {_told(image.shape[:2])}, "
                f"those before it {_told(self._size)}",
                "Write frames of one size into one video",
            )
        if self._encoder is None:
            raise OutputFailed(f"{self._path} is not open", "Write inside the `with` block")
        self._encoder.write(image, self._written / self._rate if position is None else position)
        self._written += 1

    def _verify(self, expected: int) -> None:
        # OpenCV's writer reports nothing, not even a full disk, so the file is asked.
        found = declared_frames(self._unfinished) or 0
        if found != expected:
            raise OutputFailed(
                f"of {expected} frames only {found} arrived in {self._path}",
                "Look whether the disk is full",
            )


class _OpenCv:
    """A constant rate; each frame is written as often as it takes to be shown until the next."""

    def __init__(self, path: Path, size: Size, rate: float) -> None:
        height, width = size
        if height % 2 or width % 2:
            raise OutputFailed(
                f"OpenCV's encoder would cut {_told(size)} to even sides",
                "Install ffmpeg with libx264, which can keep them",
            )
        code = cv2.VideoWriter.fourcc(*"mp4v")
        with path_for_libraries(path.parent) as folder:
            self._writer = cv2.VideoWriter(f"{folder}/{path.name}", code, rate, (width, height))
        if not self._writer.isOpened():
            raise OutputFailed(
                f"OpenCV cannot write a video to {path}",
                "Choose a folder that can be written to, or install ffmpeg with libx264",
            )
        self._rate = rate
        self._shown: Optional[np.ndarray] = None
        self._repeats = 1
        self.frames = 0

    def write(self, image: np.ndarray, position: float) -> None:
        if self._shown is not None:
            # At least once, however close the next one follows.
            self._show(self._shown, max(1, round(position * self._rate) - self.frames))
        self._shown = image

    def finish(self) -> None:
        if self._shown is not None:
            # The last one is shown for as long as the one before it.
            self._show(self._shown, self._repeats)
        self._writer.release()

    def abandon(self) -> None:
        self._writer.release()

    def _show(self, image: np.ndarray, times: int) -> None:
        for _ in range(times):
            self._writer.write(image)
        self.frames += times
        self._repeats = times


def constant_rate(positions: np.ndarray, declared: float) -> Tuple[float, bool]:
    """The rate of a video that has no time stamps of its own.

    Args:
        positions: (frames,) float64, seconds from the first frame, rising.
        declared: frames a second that the source declares.

    Returns:
        Frames a second, and whether each frame has its own time at that rate, none being repeated.
    """
    if len(positions) < 2:
        return declared, True
    off = np.abs(positions * declared - np.arange(len(positions)))
    if off.max() < 0.5:
        return declared, True
    closest = float(np.diff(positions).min())
    return min(max(declared, float(round(1 / closest))), FASTEST_CONSTANT), False


def _told(size: Tuple[int, ...]) -> str:
    return f"{size[1]} x {size[0]} pixels"
