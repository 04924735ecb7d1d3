"""`python -m benchmarks`: every table that needs no more than what the project ships."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import List

import cv2

ENGINE = "engines/camvid-demo"
CLIP = "demo/camvid-0016E5-15hz.mp4"
JPEG_QUALITY = 90


def main() -> int:
    """Runs one benchmark after the other, each in a process of its own; returns an exit code."""
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "frame.jpg"
        image.write_bytes(first_frame(Path(CLIP)))
        runs: List[List[str]] = [
            ["codec"],
            ["labels", "--engine", ENGINE, "--images", folder],
            ["serving", ENGINE, str(image)],
            ["live", ENGINE, CLIP],
        ]
        codes = [_run(*arguments) for arguments in runs]
    return max(codes)


def first_frame(video: Path) -> bytes:
    """The first image of a video, as JPEG."""
    capture = cv2.VideoCapture(str(video))
    found, pixels = capture.read()
    capture.release()
    if not found:
        raise RuntimeError(f"{video} cannot be read")
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()


def _run(*arguments: str) -> int:
    return subprocess.call([sys.executable, "-m", f"benchmarks.{arguments[0]}", *arguments[1:]])


if __name__ == "__main__":
    sys.exit(main())
