"""Opens live captures with OpenCV, in the capture process only: any of these calls may hang."""

from __future__ import annotations

import cv2

from runtime.errors import SourceFailed
from runtime.sources import SourceLost
from runtime.sources.address import Address, without_credentials
from runtime.sources.gstreamer import csi_pipeline

# FFmpeg's own analysis of a stream takes up to 2 s; below that, OpenCV 4.5 claims success and then
# delivers nothing.
OPEN_TIMEOUT_MS = 5000


def open_capture(address: Address) -> cv2.VideoCapture:
    """An opened capture of a live source.

    Raises:
        SourceLost: the camera or server does not answer.
        SourceFailed: this machine's OpenCV cannot read such a source.
    """
    if address.kind == "network":
        return _network(address)
    if address.kind == "csi":
        return _csi(address)
    return _usb(address)


def _network(address: Address) -> cv2.VideoCapture:
    # The timeout is honoured only where the FFmpeg backend is asked for by name. That of reading
    # stays at its 30 s: the parent knows the camera's rhythm, and sees silence much sooner.
    timeout = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_TIMEOUT_MS]
    capture = cv2.VideoCapture(address.target, cv2.CAP_FFMPEG, timeout)
    if not capture.isOpened():
        raise SourceLost(
            f"{without_credentials(address.target)} does not answer with a video stream",
            "Check the network between this machine and the camera",
            "timeout",
        )
    return capture


def _usb(address: Address) -> cv2.VideoCapture:
    # By path, resolved at every connection: numbers change when cameras are plugged in again.
    capture = cv2.VideoCapture(address.target, cv2.CAP_V4L2)
    if not capture.isOpened():
        raise SourceLost(
            f"the camera {address.target} cannot be opened",
            "Check that it is plugged in, that no other program uses it and that this user is in "
            "the group video; `ls /dev/v4l/by-id` shows the names of the cameras",
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
    return capture


def _csi(address: Address) -> cv2.VideoCapture:
    if not any(
        "GStreamer" in line and "YES" in line for line in cv2.getBuildInformation().splitlines()
    ):
        raise SourceFailed(
            f"the camera csi:{address.target} needs an OpenCV with GStreamer, which this one lacks",
            "Use JetPack's own OpenCV: uninstall opencv-python and opencv-python-headless",
        )
    capture = cv2.VideoCapture(csi_pipeline(address), cv2.CAP_GSTREAMER)
    if not capture.isOpened():
        raise SourceLost(
            f"the camera csi:{address.target} cannot be opened",
            "Check its ribbon cable and that no other program uses it; "
            "`sudo systemctl restart nvargus-daemon` frees a camera that a crash left taken",
            "refused",
        )
    return capture
