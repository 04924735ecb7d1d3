from __future__ import annotations

from pathlib import Path

import pytest

from runtime.files.library_path import path_for_libraries
from tests.awkward_names import NOT_UTF8, STEMS


@pytest.mark.parametrize("stem", STEMS)
def test_the_path_opens_the_file_and_begins_with_a_slash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stem: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path(f"{stem}.mp4")
    path.write_bytes(stem.encode("utf-8", "surrogateescape"))
    with path_for_libraries(path) as name:
        assert name.startswith("/")
        assert name.encode("utf-8")
        assert Path(name).read_bytes() == path.read_bytes()


def test_a_folder_that_is_not_utf8_can_be_written_into(tmp_path: Path) -> None:
    folder = tmp_path / NOT_UTF8
    folder.mkdir()
    with path_for_libraries(folder) as name:
        Path(name, "a.mp4").write_bytes(b"frames")
    assert (folder / "a.mp4").read_bytes() == b"frames"


def test_nothing_stays_open(tmp_path: Path) -> None:
    path = tmp_path / NOT_UTF8
    path.touch()
    with path_for_libraries(path) as name:
        assert Path(name).exists()
    assert not Path(name).is_symlink()


def test_a_missing_file_is_a_system_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), path_for_libraries(tmp_path / NOT_UTF8):
        pass
