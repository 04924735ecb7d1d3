from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest

from runtime.files.atomic import whole_file, write_whole

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "state.pt"
    path.write_bytes(b"old")
    return path


def names(folder: Path) -> List[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("alone", [False, True])
def test_the_old_file_stays_until_the_new_one_is_whole(path: Path, alone: bool) -> None:
    with whole_file(path, alone) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert names(path.parent) == ["state.pt"]


def write_half(path: Path, alone: bool) -> None:
    with whole_file(path, alone) as file:
        file.write(b"ne")
        raise RuntimeError("on the way")


@pytest.mark.parametrize("alone", [False, True])
def test_a_fault_on_the_way_leaves_the_old_file_and_nothing_else(path: Path, alone: bool) -> None:
    with pytest.raises(RuntimeError, match="on the way"):
        write_half(path, alone)
    assert path.read_bytes() == b"old"
    assert names(path.parent) == ["state.pt"]


def test_two_processes_do_not_write_into_each_others_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with whole_file(path) as mine:
        mine.write(b"mi")
        monkeypatch.setattr(os, "getpid", lambda: -1)
        with whole_file(path) as theirs:
            theirs.write(b"theirs")
        assert path.read_bytes() == b"theirs"
        mine.write(b"ne")
    assert path.read_bytes() == b"mine"


def test_who_writes_alone_clears_what_a_killed_process_left(path: Path) -> None:
    killed = (
        "import os, pathlib, sys; from runtime.files.atomic import whole_file\n"
        "with whole_file(pathlib.Path(sys.argv[1]), alone=True) as file:\n"
        "    file.write(b'half of much more')\n"
        "    os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", killed, str(path)], cwd=ROOT, check=False)
    assert len(names(path.parent)) == 2
    with whole_file(path, alone=True) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"
    assert names(path.parent) == ["state.pt"]


def test_content_is_written_whole_into_a_folder_that_is_made(tmp_path: Path) -> None:
    path = tmp_path / "engines" / "street" / "manifest.json"
    for content in (b"old", b"new"):
        write_whole(path, content)
        assert path.read_bytes() == content
    assert names(path.parent) == ["manifest.json"]


def test_a_write_that_fails_leaves_the_old_file_and_no_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "manifest.json"
    write_whole(path, b"old")

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
