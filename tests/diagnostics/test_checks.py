from __future__ import annotations

from pathlib import Path

from runtime.device.gpu import Gpu
from runtime.device.machine import JetsonRelease, Machine
from runtime.diagnostics.checks import CHECKS, diagnose
from runtime.diagnostics.probe import Surroundings, command_output, surroundings_here
from tests.device.jetsons import write_xavier


def test_every_check_looks_at_this_very_machine() -> None:
    here = surroundings_here(None, run=False, sources=(), listen=("127.0.0.1", 0))
    subjects = {finding.subject for finding in diagnose(here)}
    assert {"machine", "GPU", "OpenCV", "memory", "disk", "port"} <= subjects
    assert here.packages["numpy"]


def test_a_xavier_is_examined_from_board_to_power(tmp_path: Path) -> None:
    machine = Machine(
        {"tensorrt": "8.5.2.2"},
        Gpu("Xavier (8 SMs)", "7.2", 32 << 30, integrated=True),
        cuda="11.4",
        jetson=JetsonRelease("35.4.1"),
    )
    root = write_xavier(tmp_path)
    subjects = {finding.subject for finding in diagnose(Surroundings(machine, root))}
    assert {
        "TensorRT",
        "pycuda",
        "CSI cameras",
        "power mode",
        "clocks",
        "heat",
        "power",
    } <= subjects


def test_every_check_says_what_it_looks_at() -> None:
    assert all(check.__doc__ for check in CHECKS)
    assert len(set(CHECKS)) == len(CHECKS)


def test_a_command_that_is_missing_or_fails_tells_nothing() -> None:
    assert command_output(["printf", "hello"]) == "hello"
    assert command_output(["false"]) is None
    assert command_output(["no-such-command-here"]) is None


def test_text_that_cannot_be_read_is_absent(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("a board\0\n", encoding="utf-8")
    here = Surroundings(root=tmp_path)
    assert (here.text("model"), here.text("missing"), here.text(".")) == ("a board", None, None)
