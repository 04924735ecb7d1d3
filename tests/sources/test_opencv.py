from __future__ import annotations

import cv2

from runtime.sources.opencv import installed_opencv


def test_an_opencv_is_what_its_registry_of_backends_says() -> None:
    opencv = installed_opencv()
    assert opencv is not None
    has_backend = cv2.videoio_registry.hasBackend
    assert opencv.version == cv2.__version__
    assert opencv.gstreamer == has_backend(cv2.CAP_GSTREAMER)
    assert opencv.ffmpeg == has_backend(cv2.CAP_FFMPEG)
