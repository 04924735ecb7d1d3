from __future__ import annotations

import pytest

from runtime.errors import InvalidInput
from runtime.sources.address import Address, address_from_uri, without_credentials
from tests.awkward_names import NOT_UTF8


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("clip.mp4", Address("path", "clip.mp4")),
        ("/data/drive: 2/", Address("path", "/data/drive: 2/")),
        ("rtsp://u:p@10.0.0.5:554/c?d=1", Address("network", "rtsp://u:p@10.0.0.5:554/c?d=1")),
        ("http://10.0.0.5/cam.mjpg", Address("network", "http://10.0.0.5/cam.mjpg")),
        ("/dev/video0", Address("usb", "/dev/video0")),
        ("usb:/dev/v4l/by-id/usb-C920-0", Address("usb", "/dev/v4l/by-id/usb-C920-0")),
        ("usb:/dev/video0?width=1280&fps=30", Address("usb", "/dev/video0", 1280, None, 30.0)),
        ("csi:", Address("csi", "0")),
        ("csi:1?width=1920&height=1080", Address("csi", "1", 1920, 1080)),
        ("synthetic:640x360@15", Address("synthetic", "", 640, 360, 15.0)),
    ],
)
def test_every_accepted_form(uri: str, address: Address) -> None:
    assert address_from_uri(uri) == address


@pytest.mark.parametrize(
    ("uri", "complaint"),
    [
        ("", "no known kind"),
        ("rtsp://", "no known kind"),
        ("rtmp://10.0.0.5/live", "no known kind"),
        ("usb:0", "no camera device"),
        ("/dev/video0?zoom=2", "asked for 'zoom'"),
        ("/dev/video0?width=wide", "no number"),
        ("/dev/video0?height=0", "out of bounds"),
        ("csi:left", "no CSI sensor"),
        ("synthetic:", "size and rate"),
        ("synthetic:640x360", "size and rate"),
        ("synthetic:99999x360@15", "out of bounds"),
        ("synthetic:640x360@0", "out of bounds"),
    ],
)
def test_anything_else_is_refused_with_a_cure(uri: str, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint) as refusal:
        address_from_uri(uri)
    assert refusal.value.cure


@pytest.mark.parametrize(
    ("uri", "live"),
    [("clip.mp4", False), ("rtsp://a/b", True), ("/dev/video0", True), ("synthetic:8x8@1", True)],
)
def test_files_alone_wait_for_their_reader(uri: str, live: bool) -> None:
    assert address_from_uri(uri).live is live


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://10.0.0.5:554/cam?channel=1", "rtsp://10.0.0.5:554/cam?channel=1"),
        ("rtsp://admin:hunter2@10.0.0.5/cam", "rtsp://10.0.0.5/cam"),
        ("rtsp://admin:hun/ter@2@10.0.0.5/cam", "rtsp://10.0.0.5/cam"),
        ("http://c/a?user=admin&password=hunter2&q=1", "http://c/a?user=***&password=***&q=1"),
        (
            "rtsp://c/user=admin_password=hunter2_channel=1",
            "rtsp://c/user=***_password=***_channel=1",
        ),
        ("cannot open rtsp://a:hunter2@c/x: 401", "cannot open rtsp://c/x: 401"),
        ("clips/drive@night.mp4", "clips/drive@night.mp4"),
    ],
)
def test_credentials_are_never_shown(text: str, shown: str) -> None:
    assert without_credentials(text) == shown


def test_a_refused_address_keeps_its_password_to_itself() -> None:
    with pytest.raises(InvalidInput) as refusal:
        address_from_uri("rtmp://admin:hunter2@10.0.0.5/live")
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize("uri", ["rtsp://h/{}", "usb:/dev/{}", "/dev/{}", "http://h/{}.mjpg"])
def test_a_camera_whose_address_is_not_utf8_is_refused(uri: str) -> None:
    with pytest.raises(InvalidInput, match="is not UTF-8"):
        address_from_uri(uri.format(NOT_UTF8))


def test_a_path_may_have_any_name() -> None:
    assert address_from_uri(NOT_UTF8).target == NOT_UTF8
