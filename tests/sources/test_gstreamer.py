"""Pipelines: as a Jetson gets them, and their twins of software parts, run for real."""

from __future__ import annotations

import json
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict

import pytest

from runtime.sources.address import address_from_uri
from runtime.sources.gstreamer import (
    CAMERA_PLUGIN,
    DECODER_PLUGINS,
    PLUGIN_FOLDERS,
    Elements,
    csi_pipeline,
    has_hardware_decoder,
    has_plugin,
    network_pipeline,
    quoted,
    usb_pipeline,
)
from tests.sources.test_rtsp import RtspCamera

SCRIPT = Path(__file__).with_name("run_pipeline.py")
SYSTEM_PYTHON = "/usr/bin/python3"
# What a Jetson's units do, done by the processor: the same caps, but in its own memory.
SOFTWARE = Elements(
    sensor="videotestsrc pattern=green name=sensor{}",
    memory="",
    converter="videoconvert",
    jpeg_decoder="jpegdec",
)
GREEN = [0, 255, 0]


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


def told_by_system(what: str, pipeline: str) -> str:
    ran = subprocess.run(
        [SYSTEM_PYTHON, str(SCRIPT), what, pipeline],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.rstrip("\n")


def first_frame(pipeline: str) -> Dict[str, Any]:
    if not has_system("cv2"):
        pytest.skip("needs the distribution's OpenCV with GStreamer: apt install python3-opencv")
    frame: Dict[str, Any] = json.loads(told_by_system("frame", pipeline))
    return frame


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


def test_a_csi_pipeline_gives_opencv_frames_in_nv12() -> None:
    address = address_from_uri("csi:0?width=320&height=180&fps=15")
    frame = first_frame(csi_pipeline(address, SOFTWARE))
    assert frame["nv12"] == [270, 320]
    assert frame["bgr"] == [180, 320, 3]
    assert frame["rate"] == 15
    assert frame["corner"] == pytest.approx(GREEN, abs=2)


def test_a_usb_pipeline_decodes_jpeg() -> None:
    pipeline = usb_pipeline(address_from_uri("/dev/video0?width=320&height=180&fps=30"), SOFTWARE)
    camera, rest = pipeline.split(" ! ", 1)
    assert camera == 'v4l2src device="/dev/video0"'
    frame = first_frame(f"videotestsrc pattern=green ! jpegenc ! {rest}")
    assert frame["nv12"] == [270, 320]
    assert frame["corner"] == pytest.approx(GREEN, abs=8)


@pytest.mark.rtsp
def test_a_network_pipeline_reads_a_camera() -> None:
    camera = RtspCamera()
    camera.start()
    try:
        frame = first_frame(network_pipeline(address_from_uri(camera.uri()), SOFTWARE))
    finally:
        camera.kill()
    assert frame["bgr"] == [180, 320, 3]


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
