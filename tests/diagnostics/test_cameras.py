from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from runtime.device.machine import JetsonRelease, Machine
from runtime.diagnostics.cameras import addresses, attached, csi, hardware_decoder, opencv
from runtime.diagnostics.probe import Surroundings
from runtime.sources.gstreamer import CAMERA_PLUGIN, DECODER_PLUGINS, PLUGIN_FOLDERS
from runtime.sources.opencv import OpenCv
from tests.device.jetsons import write_tree
from tests.diagnostics.verdicts import findings, only, verdicts

JETPACKS_OPENCV = OpenCv("4.5.4", gstreamer=True, ffmpeg=True, path="dist-packages/cv2.so")
WHEEL = OpenCv("4.12.0", gstreamer=False, ffmpeg=True, path="site-packages/cv2/__init__.py")


@pytest.fixture
def jetson(tmp_path: Path) -> Surroundings:
    machine = Machine(jetson=JetsonRelease("35.4.1"))
    return Surroundings(machine, root=tmp_path, opencv=JETPACKS_OPENCV)


def plug_in(root: Path, number: int, name: str, index: int = 0) -> None:
    node = f"sys/class/video4linux/video{number}"
    write_tree(root, {f"{node}/name": name, f"{node}/index": index, f"dev/video{number}": ""})


# ---- libraries ----------------------------------------------------------------------------------


def test_jetpacks_opencv_is_well_on_a_jetson_and_a_wheel_is_not(jetson: Surroundings) -> None:
    assert verdicts(opencv, jetson) == [("OpenCV", "ok")]
    assert verdicts(opencv, replace(jetson, opencv=WHEEL)) == [
        ("OpenCV", "ok"),
        ("GStreamer", "warning"),
    ]


def test_a_wheel_is_all_that_other_machines_need() -> None:
    assert only(opencv, Surroundings(opencv=WHEEL)).says == "4.12.0, with FFmpeg"


@pytest.mark.parametrize("version", ["4.10.0", "4.11.0", "5.0.0"])
def test_versions_with_known_faults_are_warned_of(version: str) -> None:
    here = Surroundings(opencv=replace(WHEEL, version=version))
    assert verdicts(opencv, here) == [("OpenCV", "ok"), ("OpenCV", "warning")]


def test_an_opencv_that_cannot_be_loaded_says_what_it_misses() -> None:
    broken = Surroundings(opencv_fault="libGL.so.1: cannot open shared object file")
    assert "libGL.so.1" in only(opencv, broken).says
    assert only(opencv, Surroundings()).says == "it is missing"


def test_a_build_without_ffmpeg_reads_no_network_cameras() -> None:
    found = findings(opencv, Surroundings(opencv=replace(WHEEL, ffmpeg=False)))
    assert "network cameras" in found[-1].says


# ---- a Jetson's own -----------------------------------------------------------------------------


def test_plugins_for_decoding_are_looked_for_where_gstreamer_can_be_used(
    jetson: Surroundings,
) -> None:
    assert only(hardware_decoder, jetson).verdict == "warning"
    write_tree(jetson.root, {f"{PLUGIN_FOLDERS[0]}/{name}": "" for name in DECODER_PLUGINS})
    assert only(hardware_decoder, jetson).verdict == "ok"
    assert findings(hardware_decoder, replace(jetson, opencv=WHEEL)) == []


def test_csi_needs_a_plugin_and_a_daemon(jetson: Surroundings) -> None:
    assert "nvarguscamerasrc" in only(csi, jetson).says
    write_tree(jetson.root, {f"{PLUGIN_FOLDERS[0]}/{CAMERA_PLUGIN}": ""})
    assert "nvargus-daemon" in only(csi, jetson).cure
    write_tree(jetson.root, {"tmp/argus_socket": ""})
    assert only(csi, jetson).verdict == "ok"
    assert findings(csi, Surroundings()) == []


# ---- cameras ------------------------------------------------------------------------------------


def test_a_camera_is_recommended_by_the_name_that_survives_replugging(tmp_path: Path) -> None:
    plug_in(tmp_path, 0, "HD Webcam")
    plug_in(tmp_path, 1, "HD Webcam", index=1)
    names = tmp_path / "dev/v4l/by-id"
    names.mkdir(parents=True)
    (names / "usb-HD_Webcam-video-index0").symlink_to("../../video0")
    found = only(attached, Surroundings(root=tmp_path))
    assert found.says == "HD Webcam: use usb:/dev/v4l/by-id/usb-HD_Webcam-video-index0"


def test_a_camera_of_another_group_is_a_problem(tmp_path: Path) -> None:
    plug_in(tmp_path, 2, "HD Webcam")
    found = only(attached, Surroundings(root=tmp_path, may_use=lambda _: False))
    assert found.verdict == "problem"
    assert "usermod -aG video" in found.cure
    assert "--device /dev/video2" in found.cure


def test_no_camera_is_no_fault(tmp_path: Path) -> None:
    assert only(attached, Surroundings(root=tmp_path)).verdict == "ok"


# ---- sources ------------------------------------------------------------------------------------


def test_sources_are_tried_by_reading_a_frame(tmp_path: Path) -> None:
    image = tmp_path / "street.png"
    assert cv2.imwrite(str(image), np.zeros((20, 30, 3), np.uint8))
    missing = f"{tmp_path}/missing.mp4"
    found = findings(addresses, Surroundings(sources=(str(image), missing)))
    assert [finding.verdict for finding in found] == ["ok", "problem"]
    assert "frames of 30 x 20" in found[0].says


def test_a_camera_that_refuses_is_named_without_its_password() -> None:
    found = only(addresses, Surroundings(sources=("rtsp://viewer:secret@127.0.0.1:9/cam",)))
    assert found.verdict == "problem"
    assert "secret" not in found.says
