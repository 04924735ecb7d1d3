"""Which OpenCV this is: a wheel decodes with FFmpeg alone, JetPack's with GStreamer as well."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Optional

INSTALL_GSTREAMER = (
    "Use JetPack's own OpenCV: install libopencv-python with apt, make the virtual environment "
    "with --system-site-packages, and uninstall opencv-python and opencv-python-headless"
)


@dataclass(frozen=True)
class OpenCv:
    """An installed OpenCV.

    Attributes:
        version: such as "4.5.4".
        gstreamer: whether it can run GStreamer's pipelines.
        ffmpeg: whether it can read network cameras and video files by itself.
        path: where its Python module lies.
    """

    version: str
    gstreamer: bool
    ffmpeg: bool
    path: str


def installed_opencv() -> Optional[OpenCv]:
    """The OpenCV that is imported here; None without one.

    Raises:
        ImportError: it is installed but cannot be loaded; the message says what it misses.
    """
    if find_spec("cv2") is None:
        return None
    import cv2

    information = cv2.getBuildInformation()
    return OpenCv(
        cv2.__version__,
        gstreamer=_has(information, "GStreamer"),
        ffmpeg=_has(information, "FFMPEG"),
        path=cv2.__file__,
    )


def _has(information: str, part: str) -> bool:
    return re.search(rf"^\s*{part}:\s+YES", information, re.MULTILINE) is not None
