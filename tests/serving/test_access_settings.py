from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import pytest

from runtime.errors import InvalidConfig
from runtime.serving.settings import ServeSettings, load_settings, settings_file, state_folder
from runtime.serving.tokens import new_token

FIRST, SECOND = new_token("gate", ["view"])[1], new_token("dock", ["view", "segment"])[1]


def loaded(**flags: Any) -> ServeSettings:
    return load_settings({"engine": "e", **flags}, environ={})


def test_lists_stand_between_commas_in_flags_and_variables() -> None:
    environ = {"SWIFTNET_TOKENS": f"{FIRST.line}, {SECOND.line}", "SWIFTNET_ALLOWED_HOSTS": "a,b"}
    settings = load_settings({"engine": "e", "allowed_origins": "https://a.b"}, environ=environ)
    assert settings.token_hashes == (FIRST, SECOND)
    assert settings.allowed_hosts == ("a", "b")
    assert settings.allowed_origins == ("https://a.b",)


def test_lists_are_lists_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "daemon.toml"
    file.write_text(f"engine = 'e'\ntokens = ['{FIRST.line}', '{SECOND.line}']\n", encoding="utf-8")
    assert load_settings({}, file, {}).token_hashes == (FIRST, SECOND)


@pytest.mark.parametrize("token", ["hunter2", "gate view hunter2", "gate view sha256:hunter2"])
def test_a_token_in_place_of_its_hash_is_not_repeated(tmp_path: Path, token: str) -> None:
    file = tmp_path / "daemon.toml"
    file.write_text(f"engine = 'e'\ntokens = ['{token}']\n", encoding="utf-8")
    with pytest.raises(InvalidConfig, match=r"daemon.toml, line 2: tokens") as caught:
        load_settings({}, file, {})
    assert "hunter2" not in str(caught.value)
    with pytest.raises(InvalidConfig, match="variable SWIFTNET_TOKENS") as caught:
        load_settings({"engine": "e"}, environ={"SWIFTNET_TOKENS": token})
    assert "hunter2" not in str(caught.value)


def test_passwords_of_cameras_are_not_repeated_either(tmp_path: Path) -> None:
    camera = "[[streams]]\nid = 'a'\nuri = 'rtsp://user:hunter2@cam/1'\n"
    file = tmp_path / "daemon.toml"
    for text in (camera + camera, camera.replace("[[streams]]", "[streams]")):
        file.write_text(f"engine = 'e'\n{text}", encoding="utf-8")
        with pytest.raises(InvalidConfig, match="streams") as caught:
            load_settings({}, file, {})
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ({"auth": "off"}, "flag --auth: auth = 'off'"),
        ({"tokens": f"{FIRST.line},{FIRST.line}"}, "two tokens are named 'gate'"),
        ({"allowed_hosts": "http://gate"}, "'http://gate' is no name"),
        ({"allowed_hosts": "gate:8080"}, "'gate:8080' is no name"),
        ({"allowed_hosts": "*"}, "is no name"),
        ({"allowed_origins": "*"}, "is no origin"),
        ({"allowed_origins": "dashboard.example.org"}, "is no origin"),
        ({"allowed_origins": "https://dashboard.example.org/page"}, "is no origin"),
        ({"tls_key": "key.pem"}, "tls_certificate is missing"),
    ],
)
def test_what_makes_no_sense_is_refused(flags: Dict[str, str], complaint: str) -> None:
    with pytest.raises(InvalidConfig, match=complaint):
        loaded(**flags)


def test_names_and_origins_are_compared_in_lower_case() -> None:
    settings = loaded(allowed_hosts="Gate.Local", allowed_origins="HTTPS://Dashboard.example.org")
    assert settings.allowed_hosts == ("gate.local",)
    assert settings.allowed_origins == ("https://dashboard.example.org",)


def test_the_state_directory_is_named_whatever_is_set() -> None:
    assert loaded().state_dir == Path("/var/lib/swiftnet")
    assert loaded(state_dir="/s").state_dir == Path("/s")
    environ = {"SWIFTNET_STATE_DIR": "/t", "HOME": "/home/me"}
    assert load_settings({"engine": "e"}, environ=environ).state_dir == Path("/t")
    assert state_folder(environ) == Path("/t")


def test_the_file_of_settings_is_the_one_that_is_read() -> None:
    environ = {"SWIFTNET_CONFIG": "/a"}
    assert settings_file(None, environ) == Path("/a")
    assert settings_file(Path("/b"), environ) == Path("/b")
    assert settings_file(None, {}) is None
