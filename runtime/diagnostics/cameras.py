"""What reads images: OpenCV, GStreamer, and the cameras that are attached."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Iterator, List

from runtime.diagnostics.finding import Finding, ok, problem, warning
from runtime.diagnostics.probe import Surroundings
from runtime.errors import RuntimeFault
from runtime.sources.address import without_credentials
from runtime.sources.gstreamer import CAMERA_PLUGIN, has_hardware_decoder, has_plugin
from runtime.sources.open_source import open_source
from runtime.sources.opencv import INSTALL_GSTREAMER, OpenCv

ARGUS_SOCKET = "tmp/argus_socket"
VIDEO_CLASS = "sys/class/video4linux"
CAMERA_NAMES = "dev/v4l/by-id"


def opencv(here: Surroundings) -> Iterator[Finding]:
    """Whether it is there and what it can read."""
    found = here.opencv
    if found is None:
        yield problem(
            "OpenCV",
            f"it cannot be loaded: {here.opencv_fault}" if here.opencv_fault else "it is missing",
            "Install `pip install opencv-python-headless`; on a Jetson rather JetPack's "
            "libopencv-python, which has GStreamer",
        )
        return
    abilities = [
        name for name, has in (("FFmpeg", found.ffmpeg), ("GStreamer", found.gstreamer)) if has
    ]
    yield ok("OpenCV", f"{found.version}, with {' and '.join(abilities) or 'neither decoder'}")
    yield from _version(found)
    if not found.ffmpeg:
        yield warning(
            "OpenCV",
            f"{found.path} lacks FFmpeg, so video files and network cameras cannot be read",
            "Install another build of OpenCV, such as opencv-python-headless",
        )
    if here.machine.jetson is not None and not found.gstreamer:
        yield warning(
            "GStreamer",
            f"{found.path} lacks it: no CSI camera, and network cameras cost a core each",
            INSTALL_GSTREAMER,
        )


def hardware_decoder(here: Surroundings) -> Iterator[Finding]:
    """A Jetson's own video decoder, as GStreamer sees it."""
    if here.machine.jetson is None or here.opencv is None or not here.opencv.gstreamer:
        return
    if has_hardware_decoder(here.root):
        yield ok("decoder", "GStreamer has nvv4l2decoder and nvvidconv")
    else:
        yield warning(
            "decoder",
            "GStreamer lacks nvv4l2decoder or nvvidconv, so the processor decodes video",
            "Install nvidia-l4t-gstreamer; a container needs `--runtime nvidia`",
        )


def csi(here: Surroundings) -> Iterator[Finding]:
    """A Jetson's camera service."""
    if here.machine.jetson is None:
        return
    if not has_plugin(CAMERA_PLUGIN, here.root):
        yield warning(
            "CSI cameras",
            "GStreamer's nvarguscamerasrc is not here, so no CSI camera can be opened",
            "Install nvidia-l4t-gstreamer; a container needs `--runtime nvidia`",
        )
    elif not (here.root / ARGUS_SOCKET).exists():
        yield warning(
            "CSI cameras",
            f"nvargus-daemon does not listen at /{ARGUS_SOCKET}",
            "Start it with `sudo systemctl restart nvargus-daemon`; a container needs "
            f"`-v /{ARGUS_SOCKET}:/{ARGUS_SOCKET}`",
        )
    else:
        yield ok("CSI cameras", "nvargus-daemon listens")


def attached(here: Surroundings) -> Iterator[Finding]:
    """Every camera that the kernel knows, by the name that survives replugging."""
    devices = [device for device in sorted(_devices(here.root)) if _gives_images(here, device)]
    if not devices:
        yield ok("USB cameras", "none is attached")
    for device in devices:
        name = here.text(f"{VIDEO_CLASS}/{device.name}/name") or device.name
        if here.may_use(device):
            yield ok("USB cameras", f"{name}: use usb:{_lasting_name(here.root, device)}")
        else:
            yield problem(
                "USB cameras",
                f"{name} at /dev/{device.name} may not be used by this user",
                "Add the user with `sudo usermod -aG video $USER` and log in again; a container "
                f"needs `--device /dev/{device.name} --group-add video`",
            )


def addresses(here: Surroundings) -> Iterator[Finding]:
    """Every source that was asked for, by reading one frame of it."""
    for uri in here.sources:
        name = without_credentials(uri)
        try:
            with open_source(uri) as source:
                frame = source.read()
        except RuntimeFault as fault:
            yield problem("source", fault.problem, fault.cure)
            continue
        if frame is None:
            yield problem("source", f"{name} holds no frame", "Check that the file is not empty")
        else:
            yield ok("source", f"{name} sends frames of {frame.width} x {frame.height}")


def _version(found: OpenCv) -> Iterator[Finding]:
    if found.version.startswith(("4.10.", "4.11.")):
        yield warning(
            "OpenCV",
            f"{found.version} reads uninitialised memory in JPEG 2000 files (CVE-2025-53644)",
            "Install `pip install 'opencv-python-headless>=4.12,<5'`",
        )
    elif not found.version.startswith("4."):
        yield warning(
            "OpenCV",
            f"{found.version} is not 4.x, which the engines' accuracy was measured with",
            "Install `pip install 'opencv-python-headless>=4.12,<5'`",
        )


def _devices(root: Path) -> List[Path]:
    folder = root / "dev"
    return [d for d in folder.glob("video*") if re.fullmatch(r"video\d+", d.name)]


def _gives_images(here: Surroundings, device: Path) -> bool:
    # The further nodes of a camera give metadata.
    return here.text(f"{VIDEO_CLASS}/{device.name}/index") in (None, "0")


def _lasting_name(root: Path, device: Path) -> str:
    names = sorted((root / CAMERA_NAMES).glob("*"))
    lasting = next((n for n in names if n.resolve() == device.resolve()), None)
    return f"/{CAMERA_NAMES}/{lasting.name}" if lasting else f"/dev/{device.name}"
