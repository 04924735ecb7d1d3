"""Writing a video whole or not at all, with every frame that was given, at the rate that was given.

With ffmpeg and its libx264 it is H.264, which browsers play; without, MPEG-4 part 2 by OpenCV,
which VLC and ffmpeg play.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import IO, List, Optional, Tuple, Type, cast

import cv2
import numpy as np
from typing_extensions import Protocol

from runtime.errors import OutputFailed
from runtime.files.library_path import path_for_libraries
from runtime.names import shown

# BT.601 at every size: OpenCV decodes everything as that, and players that care read the tag.
_COLOURS = "scale=out_color_matrix=bt601:out_range=tv"
_TAGS = ("colorspace", "color_primaries", "color_trc")
_COLOUR_TAGS = (*(word for tag in _TAGS for word in (f"-{tag}", "smpte170m")), "-color_range", "tv")
# ffmpeg's veryfast leaves the processor to the engine; 20 is visually near lossless.
_H264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "20")

Size = Tuple[int, int]


@lru_cache(maxsize=None)
def h264_encoder() -> Optional[str]:
    """The path of an ffmpeg that encodes H.264, or None."""
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        return None
    listed = subprocess.run(
        [ffmpeg, "-v", "error", "-encoders"], check=False, stdout=subprocess.PIPE, text=True
    )
    return ffmpeg if " libx264 " in listed.stdout else None


def declared_frames(path: Path) -> Optional[int]:
    """How many frames a video says that it has; None where it says nothing sensible."""
    with path_for_libraries(path) as name:
        capture = cv2.VideoCapture(name)
    count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    capture.release()
    return count if count > 0 else None


class _Encoder(Protocol):
    def write(self, image: np.ndarray) -> None: ...

    def finish(self) -> None: ...

    def abandon(self) -> None: ...


class VideoWriter:
    """A video file that appears when its last frame is written; used by one thread.

    Leaving the `with` block by an exception leaves nothing behind.

    Args:
        path: an .mp4 file, replaced if it exists.
        size: (height, width) of every frame, pixels.
        frame_rate: frames per second.
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
            self._encoder = _Ffmpeg(self._ffmpeg, self._unfinished, self._size, self._rate)
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
            self._verify()
            with self._unfinished.open("rb") as file:
                os.fsync(file.fileno())
            self._unfinished.replace(self._path)
        finally:
            if self._unfinished.exists():
                self._unfinished.unlink()

    def write(self, image: np.ndarray) -> None:
        """Appends a frame.

        Args:
            image: (height, width, 3) uint8 BGR.

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
        self._encoder.write(image)
        self._written += 1

    def _verify(self) -> None:
        # OpenCV's writer reports nothing, not even a full disk, so the file is asked.
        found = declared_frames(self._unfinished) or 0
        if found != self._written:
            raise OutputFailed(
                f"of {self._written} frames only {found} arrived in {self._path}",
                "Look whether the disk is full",
            )


class _Ffmpeg:
    """Frames into a child process; its complaints go to a file, so it never waits for a reader."""

    def __init__(self, ffmpeg: str, path: Path, size: Size, rate: float) -> None:
        self._path = path
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long
        self._process = subprocess.Popen(
            [ffmpeg, *_arguments(path, size, rate)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._complaints,
        )
        self._frames = cast(IO[bytes], self._process.stdin)

    def write(self, image: np.ndarray) -> None:
        try:
            self._frames.write(np.ascontiguousarray(image).data)
        except BrokenPipeError as error:
            raise self._fault() from error

    def finish(self) -> None:
        self._process.communicate()
        if self._process.returncode != 0:
            raise self._fault()
        self._complaints.close()

    def _fault(self) -> OutputFailed:
        self._process.communicate()
        self._complaints.seek(0)
        complaint = self._complaints.read().decode(errors="replace").strip()
        self._complaints.close()
        return OutputFailed(
            f"ffmpeg could not write {self._path}: {complaint or 'it was ended'}",
            "Free disk space or choose another folder",
        )

    def abandon(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._complaints.close()


def _arguments(path: Path, size: Size, rate: float) -> List[str]:
    height, width = size
    # 30000/1001 and its kin are exact fractions that a decimal rounds.
    exact_rate = Fraction(rate).limit_denominator(1001)
    # Chroma of half resolution needs even sides.
    pixels = "yuv444p" if height % 2 or width % 2 else "yuv420p"
    frames_in = ["-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{width}x{height}"]
    return [
        *("-nostdin", "-v", "error", "-y"),
        *(*frames_in, "-framerate", str(exact_rate), "-i", "pipe:0"),
        *("-vf", f"{_COLOURS},format={pixels}", *_H264, *_COLOUR_TAGS),
        *("-movflags", "+faststart", str(path.absolute())),
    ]


class _OpenCv:
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

    def write(self, image: np.ndarray) -> None:
        self._writer.write(image)

    def finish(self) -> None:
        self._writer.release()

    def abandon(self) -> None:
        self._writer.release()


def _told(size: Tuple[int, ...]) -> str:
    return f"{size[1]} x {size[0]} pixels"
