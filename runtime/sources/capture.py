"""Opens live captures with OpenCV, in the capture process only: any of these calls may hang.

On a Jetson whose OpenCV has GStreamer, cameras are decoded by the hardware. Everywhere else FFmpeg
and V4L2 do it, which need nothing but a wheel.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import cv2

from runtime.errors import SourceFailed
from runtime.image.frame import Frame
from runtime.image.nv12 import bgr_from_nv12, planes
from runtime.sources.address import Address, without_credentials
from runtime.sources.gstreamer import (
    CAMERA_PLUGIN,
    coding_of,
    csi_pipeline,
    has_hardware_decoder,
    has_plugin,
    network_pipeline,
    usb_pipeline,
)
from runtime.sources.http_video import HttpVideo
from runtime.sources.opencv import INSTALL_GSTREAMER, installed_opencv
from runtime.sources.source import SourceLost
from runtime.sources.video import Video, declared_rate

# FFmpeg's own analysis of a stream takes up to 2 s; below that, OpenCV 4.5 claims success and then
# delivers nothing.
OPEN_TIMEOUT_MS = 5000
REPLUG = (
    "Check that it is plugged in, that no other program uses it and that this user is in the group "
    "video; `ls /dev/v4l/by-id` shows the names of the cameras"
)


@dataclass(frozen=True)
class Capture:
    """An opened capture.

    Attributes:
        video: OpenCV's.
        nv12: whether its frames are NV12, as the pipelines of GStreamer give them; else BGR.
        jpeg: NV12: whether it was decoded from JPEG.
    """

    video: Video
    nv12: bool = False
    jpeg: bool = False

    @property
    def frame_rate(self) -> Optional[float]:
        """Frames per second as declared; None where nothing is."""
        return declared_rate(self.video)

    def grab(self) -> bool:
        """Waits for the next frame; False after the last."""
        return self.video.grab()

    def retrieve(self, number: int, captured_at: float, source: str) -> Optional[Frame]:
        """The grabbed frame, in the format in which it came; None where it cannot be decoded.

        Args:
            number: how many frames were grabbed before it.
            captured_at: when it was grabbed, seconds since the epoch.
            source: the name of its source.

        Raises:
            InvalidInput: the camera sends something else than colour images.
        """
        decoded, pixels = self.video.retrieve()
        if not decoded:
            return None
        if not self.nv12:
            return Frame(pixels, number, captured_at, source)
        height, width = planes(pixels)[0].shape
        coding = coding_of(height, self.jpeg)
        if height % 2 or width % 2:
            # OpenCV leaves out the chroma of an odd side's last row or column, and no kernel could
            # read that.
            return Frame(bgr_from_nv12(pixels, coding), number, captured_at, source)
        return Frame(pixels, number, captured_at, source, "nv12", coding)


def open_capture(address: Address) -> Capture:
    """An opened capture of a live source.

    Raises:
        SourceLost: the camera or server does not answer.
        SourceFailed: this machine's OpenCV cannot read such a source.
    """
    if address.kind == "csi":
        return _csi(address)
    hardware = has_hardware_decoder() and _has_gstreamer()
    if address.kind == "network":
        # What else comes over HTTP is rarely H.264, and FFmpeg reads all of it.
        rtsp = address.target.lower().startswith("rtsp://")
        return _network_hardware(address) if hardware and rtsp else _network(address)
    return _usb_hardware(address) if hardware else _usb(address)


def _has_gstreamer() -> bool:
    opencv = installed_opencv()
    return opencv is not None and opencv.gstreamer


def _network_hardware(address: Address) -> Capture:
    capture = cv2.VideoCapture(network_pipeline(address), cv2.CAP_GSTREAMER)
    if not capture.isOpened():
        raise _silent(address)
    return Capture(capture, nv12=True)


def _silent(address: Address) -> SourceLost:
    return SourceLost(
        f"{without_credentials(address.target)} does not answer with a video stream",
        "Check the network between this machine and the camera",
        "timeout",
    )


def _usb_hardware(address: Address) -> Capture:
    capture = cv2.VideoCapture(usb_pipeline(address), cv2.CAP_GSTREAMER)
    # A camera without JPEG, or without this size in JPEG, has no such pipeline.
    return Capture(capture, nv12=True, jpeg=True) if capture.isOpened() else _usb(address)


def _network(address: Address) -> Capture:
    # The timeout is honoured only where the FFmpeg backend is asked for by name. That of reading
    # stays at its 30 s: the parent knows the camera's rhythm, and sees silence much sooner.
    timeout = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_TIMEOUT_MS]

    def opened() -> Optional[Video]:
        capture = cv2.VideoCapture(address.target, cv2.CAP_FFMPEG, timeout)
        return capture if capture.isOpened() else None

    video = opened()
    if video is None:
        raise _silent(address)
    over_http = address.target.lower().startswith("http")
    return Capture(HttpVideo(address.target, opened, video) if over_http else video)


def _usb(address: Address) -> Capture:
    # By path, resolved at every connection: numbers change when cameras are plugged in again.
    capture = cv2.VideoCapture(address.target, cv2.CAP_V4L2)
    if not capture.isOpened():
        raise SourceLost(
            f"the camera {address.target} cannot be opened",
            REPLUG,
            "refused",
        )
    if address.width or address.height:
        # Uncompressed frames of this size do not fit through USB 2 at a useful rate.
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    wishes = (
        (cv2.CAP_PROP_FRAME_WIDTH, address.width),
        (cv2.CAP_PROP_FRAME_HEIGHT, address.height),
        (cv2.CAP_PROP_FPS, address.frame_rate),
    )
    for setting, wish in wishes:
        if wish is not None:
            capture.set(setting, wish)
    return Capture(capture)


def _csi(address: Address) -> Capture:
    if not _has_gstreamer():
        raise SourceFailed(
            f"the camera csi:{address.target} needs an OpenCV with GStreamer, which this one lacks",
            INSTALL_GSTREAMER,
        )
    capture = cv2.VideoCapture(csi_pipeline(address), cv2.CAP_GSTREAMER)
    if not capture.isOpened():
        raise no_csi_camera(address)
    return Capture(capture, nv12=True)


def no_csi_camera(address: Address, root: Path = Path("/")) -> SourceFailed:
    """Why a CSI camera cannot be opened: for want of the plugin, or of the camera."""
    camera = f"the camera csi:{address.target}"
    if not has_plugin(CAMERA_PLUGIN, root):
        return SourceFailed(
            f"{camera} needs GStreamer's nvarguscamerasrc, which is not here",
            "Install nvidia-l4t-gstreamer on a Jetson; a container needs `--runtime nvidia`",
        )
    return SourceLost(
        f"{camera} cannot be opened",
        "Check its ribbon cable and that no other program uses it; a container needs "
        "`-v /tmp/argus_socket:/tmp/argus_socket`; "
        "`sudo systemctl restart nvargus-daemon` frees a camera that a crash left taken",
        "refused",
    )
