"""What GStreamer makes of a pipeline: `/usr/bin/python3 run_pipeline.py WHAT PIPELINE`.

A script of its own because GStreamer's bindings, and the OpenCV that has GStreamer, belong to the
distribution's Python. `video` and `jpeg` print, as JSON, what becomes of the first frame between
OpenCV and the far end of the ring, and the colours of seven upright bars in it; `location` prints
that property of the element named `source`.
"""

from __future__ import annotations

import json
import sys


def first_frame(pipeline: str, jpeg: bool) -> str:
    import cv2

    from runtime.image.nv12 import bgr_of
    from runtime.sources.capture import Capture
    from runtime.sources.ring import (
        Captured,
        FrameRing,
        anonymous_file,
        bytes_from_message,
        message_from_bytes,
    )

    capture = Capture(cv2.VideoCapture(pipeline, cv2.CAP_GSTREAMER), nv12=True, jpeg=jpeg)
    if not capture.grab():
        sys.exit("no frame")
    frame = capture.retrieve(0, 0.0, "camera")
    if frame is None:
        sys.exit("a frame that cannot be decoded")
    with FrameRing(anonymous_file()) as ring:
        message = message_from_bytes(bytes_from_message(ring.write(0, frame)))
        assert isinstance(message, Captured)
        arrived = ring.copy(message, "camera")
    bgr = bgr_of(arrived)
    row, bar = bgr[arrived.height // 4], arrived.width / 7
    said = {
        "rate": capture.frame_rate,
        "format": arrived.format,
        "shape": arrived.pixels.shape,
        "picture": bgr.shape,
        "coding": [arrived.coding.matrix, arrived.coding.full_range],
        "bars": [row[round((number + 0.5) * bar)].tolist() for number in range(7)],
    }
    return json.dumps(said)


def location(pipeline: str) -> str:
    import gi

    gi.require_version("Gst", "1.0")
    from gi.repository import Gst

    Gst.init(None)
    found: str = Gst.parse_launch(pipeline).get_by_name("source").get_property("location")
    return found


if __name__ == "__main__":
    what, given = sys.argv[1:]
    told = location(given) if what == "location" else first_frame(given, jpeg=what == "jpeg")
    sys.stdout.write(told + "\n")
