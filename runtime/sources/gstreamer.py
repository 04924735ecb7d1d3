"""GStreamer pipelines as text, for an OpenCV that was built with GStreamer, as JetPack's is."""

from __future__ import annotations

from runtime.sources.address import Address

DEFAULT_SIZE = (1280, 720)
DEFAULT_RATE = 30


def csi_pipeline(address: Address) -> str:
    """The pipeline of a Jetson's CSI camera: captured by Argus, converted by the VIC, BGR out.

    The appsink keeps one frame and drops the older, so a slow reader sees no old frames.
    """
    width, height = address.width or DEFAULT_SIZE[0], address.height or DEFAULT_SIZE[1]
    # Argus wants a fraction; a thousandth of a frame per second is finer than any sensor mode.
    rate = f"{round((address.frame_rate or DEFAULT_RATE) * 1000)}/1000"
    return " ! ".join(
        (
            f"nvarguscamerasrc sensor-id={address.target}",
            f"video/x-raw(memory:NVMM),width={width},height={height},framerate={rate}",
            "nvvidconv",
            "video/x-raw,format=BGRx",
            "videoconvert",
            "video/x-raw,format=BGR",
            "appsink max-buffers=1 drop=true sync=false",
        )
    )
