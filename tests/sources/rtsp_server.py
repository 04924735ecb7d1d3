"""An RTSP camera for the tests: `/usr/bin/python3 rtsp_server.py PORT`; prints READY.

A script of its own because GStreamer's bindings belong to the distribution's Python, and because a
test must be able to freeze and kill it.
"""

from __future__ import annotations

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 - after the versions are chosen

PIPELINE = (
    "( videotestsrc is-live=true pattern=ball"
    " ! video/x-raw,width=320,height=180,framerate=15/1"
    " ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 bitrate=500 threads=1"
    " ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=1 )"
)


def main(port: str) -> None:
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    camera = GstRtspServer.RTSPMediaFactory()
    camera.set_launch(PIPELINE)
    camera.set_shared(True)
    server.get_mount_points().add_factory("/cam", camera)
    server.attach(None)
    sys.stdout.write("READY\n")
    sys.stdout.flush()
    GLib.MainLoop().run()


if __name__ == "__main__":
    main(sys.argv[1])
