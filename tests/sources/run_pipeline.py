"""What GStreamer makes of a pipeline: `/usr/bin/python3 run_pipeline.py frame|location PIPELINE`.

A script of its own because GStreamer's bindings, and the OpenCV that has GStreamer, belong to the
distribution's Python. `frame` prints, as JSON, the shape of the first frame as OpenCV gives it, and
as BGR the shape and one pixel; `location` prints that property of the element named `source`.
"""

from __future__ import annotations

import json
import sys


def frame(pipeline: str) -> str:
    import cv2

    capture = cv2.VideoCapture(pipeline, cv2.CAP_GSTREAMER)
    decoded, pixels = capture.read()
    if not decoded:
        sys.exit("no frame")
    bgr = cv2.cvtColor(pixels, cv2.COLOR_YUV2BGR_NV12)
    first = {"nv12": pixels.shape, "bgr": bgr.shape, "corner": bgr[8, 8].tolist()}
    return json.dumps({**first, "rate": capture.get(cv2.CAP_PROP_FPS)})


def location(pipeline: str) -> str:
    import gi

    gi.require_version("Gst", "1.0")
    from gi.repository import Gst

    Gst.init(None)
    found: str = Gst.parse_launch(pipeline).get_by_name("source").get_property("location")
    return found


if __name__ == "__main__":
    sys.stdout.write({"frame": frame, "location": location}[sys.argv[1]](sys.argv[2]) + "\n")
