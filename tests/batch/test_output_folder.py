from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runtime.batch.output_folder import RECORD_NAME, OutputFolder, write_result
from runtime.batch.result_ledger import Made
from runtime.errors import InvalidInput, OutputFailed

ROOT = Path(__file__).resolve().parent.parent.parent
INT8, FP32 = {"build": "int8"}, {"build": "fp32"}


def test_a_file_is_written_whole_and_replaces_the_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "new" / "mask.png"
    for content in (b"first", b"second"):
        write_result(path, content)
        assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputFailed, match=r"file/mask\.png") as refused:
        write_result(tmp_path / "file" / "mask.png", b"")
    assert refused.value.cure == "Choose another folder with -o"


def test_a_result_is_known_by_the_content_of_its_source_beyond_the_run(tmp_path: Path) -> None:
    result = tmp_path / "a.png"
    with OutputFolder(tmp_path) as folder:
        write_result(result, b"")
        assert folder.made(result, "one") is None
        folder.note(result, Made("one"))
    with OutputFolder(tmp_path) as folder:
        assert folder.made(result, "one") == Made("one")
        assert folder.made(result, "another") is None
        result.unlink()
        assert folder.made(result, "one") is None


def test_a_run_continues_what_was_made_in_the_same_way(tmp_path: Path) -> None:
    for _ in range(2):
        with OutputFolder(tmp_path) as folder:
            folder.continue_with(INT8, [tmp_path / "a.png"])
            write_result(tmp_path / "a.png", b"")


def test_results_of_two_engines_are_not_mixed(tmp_path: Path) -> None:
    with OutputFolder(tmp_path) as folder:
        folder.continue_with(INT8, [])
    with OutputFolder(tmp_path) as folder, pytest.raises(InvalidInput, match="--overwrite"):
        folder.continue_with(FP32, [])


def test_files_that_no_run_made_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"a photograph")
    with OutputFolder(tmp_path) as folder, pytest.raises(InvalidInput, match=r"see .*a\.png"):
        folder.continue_with(INT8, [tmp_path / "a.png"])


def test_starting_anew_removes_earlier_results_and_nothing_else(tmp_path: Path) -> None:
    for name in ("a.png", "mine.txt", "video.labels/000000.png"):
        write_result(tmp_path / name, b"")
    with OutputFolder(tmp_path) as folder:
        folder.continue_with(INT8, [])
        folder.start_anew(FP32, [tmp_path / name for name in ("a.png", "video.labels", "b.png")])
        folder.continue_with(FP32, [])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine.txt", RECORD_NAME]


def test_one_run_at_a_time_writes_into_a_folder(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from runtime.batch.output_folder import OutputFolder\n"
        "with OutputFolder(pathlib.Path(sys.argv[1])): print('mine')"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with OutputFolder(tmp_path):
        other = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
        assert "another run writes" in other.stderr
    other = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert other.stdout == "mine\n"


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputFailed, match="no folder"):
        OutputFolder(tmp_path / "file").__enter__()
