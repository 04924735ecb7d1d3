from __future__ import annotations

import pytest

from runtime.sources.process import told_by


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("[rtsp @ 0x55d0c8] method DESCRIBE failed: 404 Not Found", "method DESCRIBE failed: 404 "),
        (
            "[ WARN:0@0.7] global OpenCV | playback halted; module rtspsrc0 reported: Not found",
            "Not found",
        ),
        ("[ WARN:0@0.7] global cap_gstreamer.cpp (1356) open OpenCV | unable to start", ""),
        ("cannot open shared object file", "cannot open shared object file"),
    ],
)
def test_a_line_tells_of_the_source_or_nothing(line: str, told: str) -> None:
    assert told_by(line).startswith(told)
    assert bool(told_by(line)) == bool(told)
