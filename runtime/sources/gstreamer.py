"""GStreamer pipelines as text, for an OpenCV that was built with GStreamer, as JetPack's is.

On a Jetson they keep decoding and scaling off the processor's cores: the decoder and the converter
are units of their own, and frames leave them as NV12, half the bytes of BGR. The last element keeps
one frame and drops the older, so a slow reader sees no old frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import List, Tuple

from runtime.image.yuv import YuvCoding
from runtime.sources.address import Address

DEFAULT_SIZE = (1280, 720)
DEFAULT_RATE = 30.0
# Milliseconds that packets may come out of order in; GStreamer's own 2000 would be seen.
JITTER_MS = 100
# Where JetPack's distributions and containers keep GStreamer's plugins.
PLUGIN_FOLDERS = (
    "usr/lib/aarch64-linux-gnu/gstreamer-1.0",
    "usr/lib/aarch64-linux-gnu/tegra/gstreamer-1.0",
)
# The tallest image that counts as standard definition.
SD_HEIGHT = 576
CAMERA_PLUGIN = "libgstnvarguscamerasrc.so"
DECODER_PLUGINS = ("libgstnvvideo4linux2.so", "libgstnvvidconv.so")


@dataclass(frozen=True)
class Elements:
    """The elements that differ between machines; a Jetson's unless given.

    Attributes:
        sensor: captures a CSI sensor; `{}` stands for its number.
        memory: the feature of caps whose frames stay in the memory of the units.
        converter: brings a frame into the processor's memory, in NV12.
        jpeg_decoder: decodes the frames of a USB camera.
    """

    sensor: str = "nvarguscamerasrc sensor-id={}"
    memory: str = "(memory:NVMM)"
    converter: str = "nvvidconv"
    jpeg_decoder: str = "nvv4l2decoder mjpeg=1"


JETSON = Elements()


def csi_pipeline(address: Address, elements: Elements = JETSON) -> str:
    """The pipeline of a CSI camera, captured by Argus."""
    width, height = address.width or DEFAULT_SIZE[0], address.height or DEFAULT_SIZE[1]
    rate = _fraction(address.frame_rate or DEFAULT_RATE)
    return _joined(
        elements.sensor.format(address.target),
        f"video/x-raw{elements.memory},format=NV12,width={width},height={height},framerate={rate}",
        *_newest_nv12(elements),
    )


def network_pipeline(address: Address, elements: Elements = JETSON) -> str:
    """The pipeline of an RTSP camera, over TCP, whatever codec it sends."""
    return _joined(
        f"rtspsrc location={quoted(address.target)} protocols=tcp latency={JITTER_MS}",
        # Cameras with a microphone send sound as well, and the first to come would be decoded.
        "application/x-rtp,media=video",
        # Takes the hardware's decoder for H.264 and H.265 where there is one.
        "decodebin",
        *_newest_nv12(elements),
    )


def usb_pipeline(address: Address, elements: Elements = JETSON) -> str:
    """The pipeline of a USB camera, in the JPEG that fits through USB 2 at every size."""
    wishes: List[str] = []
    if address.width is not None:
        wishes.append(f"width={address.width}")
    if address.height is not None:
        wishes.append(f"height={address.height}")
    if address.frame_rate is not None:
        wishes.append(f"framerate={_fraction(address.frame_rate)}")
    return _joined(
        f"v4l2src device={quoted(address.target)}",
        ",".join(("image/jpeg", *wishes)),
        elements.jpeg_decoder,
        *_newest_nv12(elements),
    )


def coding_of(height: int, jpeg: bool) -> YuvCoding:
    """What luma and chroma of a pipeline's frames mean.

    Args:
        height: rows of the image, pixels.
        jpeg: whether the pipeline decodes JPEG, as that of a USB camera does.
    """
    # OpenCV keeps GStreamer's caps to itself. JPEG is full-range BT.601 by its file format, JFIF;
    # of video that does not say, GStreamer tells the matrix by the height, and so do we. From 2160
    # rows on some of its versions say BT.2020, which frames of 8 bits hardly ever are.
    if jpeg:
        return YuvCoding("bt601", full_range=True)
    return YuvCoding("bt601" if height <= SD_HEIGHT else "bt709")


def has_hardware_decoder(root: Path = Path("/")) -> bool:
    """Whether GStreamer has a Jetson's decoder and converter."""
    return all(has_plugin(name, root) for name in DECODER_PLUGINS)


def has_plugin(library: str, root: Path = Path("/")) -> bool:
    """Whether GStreamer has a plugin, by the file name of its library; nothing is loaded."""
    return any((root / folder / library).is_file() for folder in PLUGIN_FOLDERS)


def quoted(value: str) -> str:
    """A value of a property as GStreamer's parser takes it: addresses may hold any character."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _newest_nv12(elements: Elements) -> Tuple[str, ...]:
    return (
        elements.converter,
        "video/x-raw,format=NV12",
        "appsink max-buffers=1 drop=true sync=false",
    )


def _joined(*parts: str) -> str:
    return " ! ".join(parts)


def _fraction(rate: float) -> str:
    # GStreamer wants a fraction; a thousandth of a frame per second is finer than any sensor mode.
    return f"{round(rate * 1000)}/1000"
