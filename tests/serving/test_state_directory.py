from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Dict

import pytest

from runtime.errors import InvalidConfig
from runtime.serving.state_directory import StateDirectory, default_state_folder
from runtime.serving.tokens import TokenHash, new_token


def kept(name: str = "gate") -> TokenHash:
    return new_token(name, ["view"])[1]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path / "deep" / "state")
    assert state.tokens() == ()
    assert not state.path.exists()
    state.keep(kept())
    assert mode(state.path) == 0o700


def test_a_folder_that_others_could_enter_is_closed(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path / "state")
    state.keep(kept())
    state.path.chmod(0o777)
    state.tokens()
    assert mode(state.path) == 0o700


def test_what_is_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    hashes = [kept("gate"), kept("dock")]
    for one in hashes:
        StateDirectory(tmp_path).keep(one)
    assert StateDirectory(tmp_path).tokens() == tuple(hashes)
    assert [path.name for path in tmp_path.iterdir()] == ["tokens"]


def test_a_token_of_the_same_name_takes_the_other_s_place(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    dock, newer = kept("dock"), kept("gate")
    for one in (kept("gate"), dock, newer):
        state.keep(one)
    assert state.tokens() == (dock, newer)


def test_its_file_may_have_comments(tmp_path: Path) -> None:
    one = kept()
    state = StateDirectory(tmp_path)
    state.token_file.write_text(f"# for the gate\n\n{one.line}  # since May\n", encoding="utf-8")
    assert state.tokens() == (one,)


def test_what_is_broken_is_said(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    state.token_file.write_text("hunter2\n", encoding="utf-8")
    with pytest.raises(InvalidConfig, match="three words"):
        state.tokens()
    state.token_file.write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidConfig, match="cannot be read"):
        state.tokens()


def test_a_place_that_cannot_be_written_to_is_said_with_the_cure(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InvalidConfig, match=r"cannot be written to: Not a directory.*--state-dir"):
        StateDirectory(tmp_path / "file" / "state").keep(kept())


def test_a_folder_of_somebody_else_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    StateDirectory(tmp_path).keep(kept())
    monkeypatch.setattr(os, "geteuid", lambda: 10001)
    with pytest.raises(InvalidConfig, match=r"belongs to user .* not to the daemon's user 10001"):
        StateDirectory(tmp_path).tokens()


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"STATE_DIRECTORY": "/var/lib/a:/var/lib/b", "HOME": "/home/me"}, "/var/lib/a"),
        ({"XDG_STATE_HOME": "/home/me/state", "HOME": "/home/me"}, "/home/me/state/swiftnet"),
        ({"HOME": "/home/me"}, "/home/me/.local/state/swiftnet"),
        ({}, "/var/lib/swiftnet"),
    ],
)
def test_it_is_where_such_things_are_kept(environ: Dict[str, str], folder: str) -> None:
    assert default_state_folder(environ) == Path(folder)
