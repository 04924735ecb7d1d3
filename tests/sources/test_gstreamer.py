"""Pipelines: as a Jetson gets them, and their twins of software parts, run for real."""

from __future__ import annotations

import json
import os
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any, Callable, Dict

import cv2
import numpy as np
import pytest
import typing_extensions

from runtime.image.yuv import YuvCoding
from runtime.sources.address import address_from_uri
from runtime.sources.gstreamer import (
    CAMERA_PLUGIN,
    DECODER_PLUGINS,
    PLUGIN_FOLDERS,
    Elements,
    coding_of,
    csi_pipeline,
    has_hardware_decoder,
    has_plugin,
    network_pipeline,
    quoted,
    usb_pipeline,
)
from tests.sources.test_rtsp import RtspCamera

SCRIPT = Path(__file__).with_name("run_pipeline.py")
ROOT = SCRIPT.parents[2]
SYSTEM_PYTHON = "/usr/bin/python3"
# What a Jetson's units do, done by the processor: the same caps, but in its own memory.
SOFTWARE = Elements(
    sensor="videotestsrc pattern=smpte name=sensor{}",
    memory="",
    converter="videoconvert",
    jpeg_decoder="jpegdec",
)
# BGR of the bars that `pattern=smpte` shows from left to right.
BARS = 255 * np.array(
    [(1, 1, 1), (0, 1, 1), (1, 1, 0), (0, 1, 0), (1, 0, 1), (0, 0, 1), (1, 0, 0)], np.uint8
)


@lru_cache(maxsize=None)
def has_system(*modules: str) -> bool:
    """Whether the distribution's Python has these modules, OpenCV with GStreamer among them."""
    program = f"import {', '.join(modules)}\n"
    if "cv2" in modules:
        program += "assert cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER)\n"
    try:
        tried = subprocess.run([SYSTEM_PYTHON, "-c", program], capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return tried.returncode == 0


def told_by_system(what: str, pipeline: str, path: Path = ROOT) -> str:
    ran = subprocess.run(
        [SYSTEM_PYTHON, str(SCRIPT), what, pipeline],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{path}"},
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.rstrip("\n")


@pytest.fixture
def first_frame(tmp_path: Path) -> Callable[..., Dict[str, Any]]:
    """What becomes of the first frame of a pipeline, told by the distribution's Python."""
    if not has_system("cv2"):
        pytest.skip("needs the distribution's OpenCV with GStreamer: apt install python3-opencv")
    # The only thing that capturing needs and a distribution may lack. The whole of site-packages
    # would bring the wheel's OpenCV as well, which has no GStreamer.
    (tmp_path / "typing_extensions.py").symlink_to(typing_extensions.__file__)

    def told(pipeline: str, what: str = "video") -> Dict[str, Any]:
        frame: Dict[str, Any] = json.loads(told_by_system(what, pipeline, tmp_path))
        return frame

    return told


# ---- as a Jetson gets them ----------------------------------------------------------------------


def test_a_csi_camera_stays_in_the_units_memory_until_it_is_converted() -> None:
    address = address_from_uri("csi:1?width=1920&height=1080&fps=29.97")
    assert csi_pipeline(address).split(" ! ") == [
        "nvarguscamerasrc sensor-id=1",
        "video/x-raw(memory:NVMM),format=NV12,width=1920,height=1080,framerate=29970/1000",
        "nvvidconv",
        "video/x-raw,format=NV12",
        "appsink max-buffers=1 drop=true sync=false",
    ]


def test_a_network_camera_is_decoded_by_what_fits_its_codec() -> None:
    address = address_from_uri("rtsp://viewer:secret@10.0.0.5/cam")
    assert network_pipeline(address).split(" ! ") == [
        'rtspsrc location="rtsp://viewer:secret@10.0.0.5/cam" protocols=tcp latency=100',
        "application/x-rtp,media=video",
        "decodebin",
        "nvvidconv",
        "video/x-raw,format=NV12",
        "appsink max-buffers=1 drop=true sync=false",
    ]


def test_a_usb_camera_is_asked_only_for_what_its_address_asks() -> None:
    wishes = usb_pipeline(address_from_uri("/dev/video0?width=1280&height=720&fps=30"))
    assert (
        " ! image/jpeg,width=1280,height=720,framerate=30000/1000 ! nvv4l2decoder mjpeg=1 ! "
        in (wishes)
    )
    assert " ! image/jpeg ! " in usb_pipeline(address_from_uri("usb:/dev/v4l/by-id/NAME"))


# ---- their twins, run by GStreamer --------------------------------------------------------------


FirstFrame = Callable[..., Dict[str, Any]]


@pytest.mark.parametrize(
    ("size", "matrix"), [("width=322&height=180", "bt601"), ("width=1280&height=720", "bt709")]
)
def test_colours_of_a_csi_camera_survive_the_journey_in_nv12(
    first_frame: FirstFrame, size: str, matrix: str
) -> None:
    address = address_from_uri(f"csi:0?{size}&fps=15")
    frame = first_frame(csi_pipeline(address, SOFTWARE))
    assert frame["format"] == "nv12"
    assert frame["shape"] == [(address.height or 0) * 3 // 2, address.width]
    assert frame["picture"] == [address.height, address.width, 3]
    assert frame["rate"] == 15
    assert frame["coding"] == [matrix, False]
    np.testing.assert_allclose(frame["bars"], BARS, rtol=0, atol=3)


@pytest.mark.parametrize("size", ["width=321&height=180", "width=320&height=181"])
def test_a_image_with_an_odd_side_becomes_bgr(first_frame: FirstFrame, size: str) -> None:
    address = address_from_uri(f"csi:0?{size}&fps=15")
    frame = first_frame(csi_pipeline(address, SOFTWARE))
    assert frame["format"] == "bgr"
    assert frame["shape"] == [address.height, address.width, 3]
    np.testing.assert_allclose(frame["bars"], BARS, rtol=0, atol=3)


@pytest.mark.parametrize("height", [180, 720])
def test_colours_of_a_usb_camera_s_jpeg_survive_the_journey(
    first_frame: FirstFrame, tmp_path: Path, height: int
) -> None:
    address = address_from_uri(f"/dev/video0?width=350&height={height}&fps=30")
    camera, _, rest = usb_pipeline(address, SOFTWARE).split(" ! ", 2)
    assert camera == 'v4l2src device="/dev/video0"'
    image = tmp_path / "bars.jpg"
    bars = BARS.repeat(50, axis=0)[None].repeat(height, axis=0)
    cv2.imwrite(str(image), bars)
    frame = first_frame(f"filesrc location={quoted(str(image))} ! {rest}", "jpeg")
    assert frame["shape"] == [height * 3 // 2, 350]
    assert frame["coding"] == ["bt601", True]
    np.testing.assert_allclose(frame["bars"], BARS, rtol=0, atol=4)


@pytest.mark.rtsp
def test_a_network_pipeline_reads_a_camera(first_frame: FirstFrame) -> None:
    with RtspCamera() as camera:
        frame = first_frame(network_pipeline(address_from_uri(camera.uri()), SOFTWARE))
    assert frame["format"] == "nv12"
    assert frame["picture"] == [180, 320, 3]
    # A ball on black: no colour anywhere.
    assert np.ptp(frame["bars"], axis=1).max() <= 2


@pytest.mark.parametrize(
    ("height", "jpeg", "coding"),
    [
        (576, False, YuvCoding("bt601")),
        (578, False, YuvCoding("bt709")),
        (2160, False, YuvCoding("bt709")),
        (1080, True, YuvCoding("bt601", full_range=True)),
    ],
)
def test_jpeg_says_what_its_colours_mean_and_of_video_the_height_does(
    height: int, jpeg: bool, coding: YuvCoding
) -> None:
    assert coding_of(height, jpeg) == coding


@pytest.mark.parametrize(
    "value",
    [
        "rtsp://viewer:a!b@10.0.0.5/cam?x=1&y=2",
        'rtsp://viewer:"quoted"\\back@10.0.0.5/cam',
        "rtsp://viewer:pass@10.0.0.5/a ! fakesink",
    ],
)
def test_no_address_can_add_to_a_pipeline(value: str) -> None:
    if not has_system("gi"):
        pytest.skip("needs GStreamer's bindings: apt install python3-gi gir1.2-gstreamer-1.0")
    pipeline = f"rtspsrc name=source location={quoted(value)} ! fakesink"
    assert told_by_system("location", pipeline) == value


# ---- what is there ------------------------------------------------------------------------------


def test_plugins_are_looked_for_where_jetpack_keeps_them(tmp_path: Path) -> None:
    assert not has_hardware_decoder(tmp_path)
    folder = tmp_path / PLUGIN_FOLDERS[0]
    folder.mkdir(parents=True)
    (folder / DECODER_PLUGINS[0]).touch()
    assert not has_hardware_decoder(tmp_path)
    (folder / DECODER_PLUGINS[1]).touch()
    assert has_hardware_decoder(tmp_path)
    assert not has_plugin(CAMERA_PLUGIN, tmp_path)
