from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any, Dict

import pytest

from runtime.errors import InvalidConfig
from runtime.serving.access_policy import AccessControl
from runtime.serving.settings import ServeSettings, load_settings
from runtime.serving.state_directory import StateDirectory
from runtime.serving.tokens import new_token

TOKEN, KEPT = new_token("gate", ["view"])


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    return StateDirectory(tmp_path / "state")


def settings(state: StateDirectory, **flags: Any) -> ServeSettings:
    return load_settings({"engine": "e", "state_dir": str(state.path), **flags}, environ={})


@pytest.mark.parametrize(
    ("flags", "on_loopback", "asks"),
    [
        ({}, True, False),
        ({}, False, True),
        ({"auth": "token"}, True, True),
        ({"auth": "token"}, False, True),
        ({"auth": "none"}, True, False),
        ({"auth": "none"}, False, False),
        ({"tokens": KEPT.line}, True, False),
        ({"tokens": KEPT.line}, False, True),
    ],
)
def test_a_token_is_asked_for_wherever_others_can_come(
    state: StateDirectory, flags: Dict[str, str], on_loopback: bool, asks: bool
) -> None:
    control = AccessControl(settings(state, **flags), on_loopback)
    assert (control.policy.keyring is not None) == asks


def test_whoever_lets_everybody_in_is_warned(
    state: StateDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    AccessControl(settings(state, auth="none"), on_loopback=True)
    assert not caplog.records
    AccessControl(settings(state, auth="none", host="0.0.0.0"), on_loopback=False)  # noqa: S104
    assert "whoever reaches 0.0.0.0 may watch every stream" in caplog.text


def test_the_first_start_makes_a_token_for_everything_and_shows_its_link_once(
    state: StateDirectory, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    control = AccessControl(settings(state), on_loopback=False)
    assert capsys.readouterr() == ("", "")
    with caplog.at_level(logging.DEBUG):
        control.announce("http://127.0.0.1:8080")
        control.announce("http://127.0.0.1:8080")
    told = capsys.readouterr().err
    (token,) = re.findall(r"http://127\.0\.0\.1:8080/\?token=(\S+)", told)
    assert control.policy.keyring is not None
    holder = control.policy.keyring.holder_of(token)
    assert holder is not None
    assert holder.scopes == {"segment", "view", "admin"}
    assert token not in state.token_file.read_text(encoding="utf-8")
    assert token not in caplog.text
    assert "those that let in: first-start" in caplog.text


def test_the_next_start_makes_none(
    state: StateDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    links = []
    for _ in range(2):
        AccessControl(settings(state), on_loopback=False).announce("http://h")
        links.append("?token=" in capsys.readouterr().err)
    assert links == [True, False]
    assert len(state.tokens()) == 1


def test_a_token_that_cannot_do_everything_does_not_stand_in_for_the_first(
    state: StateDirectory,
) -> None:
    state.keep(KEPT)
    AccessControl(settings(state), on_loopback=False)
    assert [token.name for token in state.tokens()] == ["gate", "first-start"]


def test_with_tokens_in_the_settings_nothing_is_made(state: StateDirectory) -> None:
    control = AccessControl(settings(state, tokens=KEPT.line), on_loopback=False)
    control.announce("http://h")
    assert not state.path.exists()
    assert control.policy.keyring is not None
    assert control.policy.keyring.holder_of(TOKEN) == KEPT


def test_without_a_place_for_the_token_there_is_no_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    nowhere = StateDirectory(tmp_path / "file" / "state")
    with pytest.raises(InvalidConfig, match="--state-dir"):
        AccessControl(settings(nowhere), on_loopback=False)


def test_the_name_to_listen_on_is_a_name_of_the_daemon(state: StateDirectory) -> None:
    named = settings(state, auth="none", host="gate-camera", allowed_hosts="camera.example.org")
    hosts = AccessControl(named, on_loopback=True).policy.hosts
    assert hosts.accept("gate-camera:8080")
    assert hosts.accept("camera.example.org")
    assert not hosts.accept("evil.example")
