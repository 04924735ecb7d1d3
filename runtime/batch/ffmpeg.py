"""ffmpeg as a child process: what encodes H.264, and what it says of a video.

Paths are handed to it behind `file:`, or a colon in a name would end a protocol's name and a dash
begin an option.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import IO, List, Optional, Tuple, cast

import numpy as np

from runtime.batch.raw_matroska import file_head, frame_head
from runtime.errors import OutputFailed

# BT.601 at every size: OpenCV decodes everything as that, and players that care read the tag.
_COLOURS = "scale=out_color_matrix=bt601:out_range=tv"
_TAGS = ("colorspace", "color_primaries", "color_trc")
_COLOUR_TAGS = (*(word for tag in _TAGS for word in (f"-{tag}", "smpte170m")), "-color_range", "tv")
# ffmpeg's veryfast leaves the processor to the engine; 20 is visually near lossless. B-frames would
# have ffmpeg invent decoding times between uneven time stamps, and lengthen or shorten the video.
_H264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-bf", "0")
# Ticks a second that time stamps are at least told in: 90000 is MPEG's own.
FINEST = 90_000
_SIZE = re.compile(r"\] n: *\d+ .*? s:(\d+)x(\d+) ")

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


def picture_sizes(ffmpeg: str, path: Path) -> List[Size]:
    """Every (height, width) that the key frames of a video have, pixels, in order of appearance.

    Size can change nowhere else. Empty where ffmpeg cannot tell.
    """
    looked = subprocess.run(
        [
            *(ffmpeg, "-nostdin", "-hide_banner", "-nostats", "-skip_frame", "nokey"),
            *("-noautorotate", "-i", _url(path), "-map", "0:v:0"),
            *("-vf", "showinfo", "-f", "null", "-"),
        ],
        check=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    told = looked.stderr.decode(errors="replace")
    sizes = ((int(height), int(width)) for width, height in _SIZE.findall(told))
    return list(dict.fromkeys(sizes))


class FfmpegEncoder:
    """Frames into a child process; its complaints go to a file, so it never waits for a reader."""

    def __init__(self, ffmpeg: str, path: Path, size: Size, rate: float) -> None:
        self.frames = 0
        self._path = path
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long
        self._process = subprocess.Popen(
            [ffmpeg, *_arguments(path, size, rate)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._complaints,
        )
        self._pipe = cast(IO[bytes], self._process.stdin)
        self._head = file_head(size, rate)

    def write(self, image: np.ndarray, position: float) -> None:
        """Appends a frame that is shown from `position` on, seconds."""
        image = np.ascontiguousarray(image)
        try:
            self._pipe.write(self._head + frame_head(image, position))
            self._pipe.write(image.data)
        except BrokenPipeError as error:
            raise self._fault() from error
        self._head = b""
        self.frames += 1

    def finish(self) -> None:
        """Waits until the file is complete."""
        self._process.communicate()
        if self._process.returncode != 0:
            raise self._fault()
        self._complaints.close()

    def abandon(self) -> None:
        """Ends the encoder; its file is of no use."""
        self._process.kill()
        self._process.communicate()
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


def _arguments(path: Path, size: Size, rate: float) -> List[str]:
    height, width = size
    # Chroma of half resolution needs even sides.
    pixels = "yuv444p" if height % 2 or width % 2 else "yuv420p"
    ticks = _ticks(rate)
    return [
        *("-nostdin", "-v", "error", "-y", "-f", "matroska", "-i", "pipe:0"),
        # The older name of -fps_mode, which every ffmpeg knows.
        *("-vsync", "passthrough", "-enc_time_base", f"1/{ticks}"),
        *("-vf", f"{_COLOURS},format={pixels}", *_H264, *_COLOUR_TAGS),
        *("-video_track_timescale", str(ticks), "-movflags", "+faststart", "-f", "mp4", _url(path)),
    ]


def _ticks(rate: float) -> int:
    """Ticks a second of which a frame at this rate lasts a whole number."""
    # 30000/1001 and its kin are exact fractions that a decimal rounds.
    frames = Fraction(rate).limit_denominator(1001).numerator
    return frames * max(1, -(-FINEST // frames))


def _url(path: Path) -> str:
    return f"file:{path}"
