from __future__ import annotations

import resource
import socket
from pathlib import Path
from typing import Optional, Sequence

import pytest

from runtime.device.machine import JetsonRelease, Machine
from runtime.diagnostics.probe import Surroundings
from runtime.diagnostics.resources import clock, disk, memory, open_files, port, shared_memory
from tests.device.jetsons import write_tree
from tests.diagnostics.verdicts import findings, only, verdicts

NOON = 1_780_000_000.0


def with_memory(root: Path, available: int, swap: int = 0, jetson: bool = False) -> Surroundings:
    """A machine of 8 GB with so many MB free."""
    lines = {"MemTotal": 7_900_000, "MemAvailable": available * 1024, "SwapTotal": swap * 1024}
    text = "\n".join(f"{name}: {value} kB" for name, value in lines.items())
    write_tree(root, {"proc/meminfo": text})
    return Surroundings(Machine(jetson=JetsonRelease() if jetson else None), root=root)


@pytest.mark.parametrize(
    ("available", "verdict"), [(4000, "ok"), (900, "warning"), (100, "problem")]
)
def test_free_memory_is_judged(tmp_path: Path, available: int, verdict: str) -> None:
    assert only(memory, with_memory(tmp_path, available)).verdict == verdict


def test_a_small_jetson_needs_swap_to_build_plans(tmp_path: Path) -> None:
    assert verdicts(memory, with_memory(tmp_path, 4000, jetson=True))[-1] == ("swap", "warning")
    assert verdicts(memory, with_memory(tmp_path, 4000, swap=4096, jetson=True)) == [
        ("memory", "ok")
    ]


def test_nothing_is_said_of_a_system_that_tells_nothing(tmp_path: Path) -> None:
    assert findings(memory, Surroundings(root=tmp_path)) == []
    assert findings(clock, Surroundings(root=tmp_path)) == []


def test_this_machine_has_a_disk_shared_memory_and_files(tmp_path: Path) -> None:
    assert only(disk, Surroundings(root=tmp_path)).subject == "disk"
    assert only(shared_memory, Surroundings()).verdict == "ok"


def test_a_limit_of_few_files_is_warned_of() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))
        assert only(open_files, Surroundings()).says == "this user may open 512 at once"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_port_in_use_is_a_problem() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = ("127.0.0.1", other.getsockname()[1])
        found = only(port, Surroundings(listen=address))
    assert found.verdict == "problem"
    assert found.says.endswith("cannot be listened at: Address already in use")
    assert only(port, Surroundings(listen=address)).verdict == "ok"


@pytest.mark.parametrize(
    ("told", "now", "verdict"),
    [("yes", NOON, "ok"), ("no", NOON, "warning"), ("yes", 0.0, "problem")],
)
def test_the_time_is_right_or_said_to_be_wrong(
    tmp_path: Path, told: str, now: float, verdict: str
) -> None:
    def output(command: Sequence[str]) -> Optional[str]:
        return told if command[0] == "timedatectl" else None

    here = Surroundings(root=tmp_path, output=output, now=lambda: now)
    assert only(clock, here).verdict == verdict


def test_a_container_sees_the_synchronisation_by_its_file(tmp_path: Path) -> None:
    write_tree(tmp_path, {"run/systemd/timesync/synchronized": ""})
    assert only(clock, Surroundings(root=tmp_path, now=lambda: NOON)).verdict == "ok"
