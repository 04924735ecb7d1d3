from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from runtime.cli.main import main
from runtime.serving.settings import load_settings
from runtime.serving.state_directory import StateDirectory
from runtime.serving.tokens import TokenHash
from tests.cli.test_serve import openvino_engine
from tests.serving.daemons import started
from tests.serving.tokens import bearer


def test_the_token_alone_is_on_stdout_and_its_hash_is_a_line_for_the_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["token", "--name", "prometheus", "--scope", "view"]) == 0
    shown = capsys.readouterr()
    (line,) = re.findall(r"^    (tokens = .*)$", shown.err, re.MULTILINE)
    file = tmp_path / "daemon.toml"
    file.write_text(f"engine = 'e'\n{line}\n", encoding="utf-8")
    digest = hashlib.sha256(shown.out.rstrip("\n").encode()).hexdigest()
    assert load_settings({}, file, {}).token_hashes == (
        TokenHash("prometheus", frozenset(["view"]), digest),
    )
    assert shown.out.strip() not in shown.err


def test_unless_told_it_is_good_for_everything(capsys: pytest.CaptureFixture[str]) -> None:
    main(["token"])
    assert "token segment+view+admin sha256:" in capsys.readouterr().err


def test_it_can_be_put_where_a_daemon_takes_it_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path / "state")
    scopes = ["--scope", "view", "--scope", "segment"]
    assert main(["token", "--name", "gate", *scopes, "--keep", "--state-dir", folder]) == 0
    shown = capsys.readouterr()
    (kept,) = StateDirectory(tmp_path / "state").tokens()
    assert kept.sha256 == hashlib.sha256(shown.out.strip().encode()).hexdigest()
    assert kept.scopes == {"segment", "view"}
    assert str(tmp_path / "state" / "tokens") in shown.err


def test_the_daemon_s_own_state_directory_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWIFTNET_STATE_DIR", str(tmp_path / "own"))
    main(["token", "--keep"])
    assert len(StateDirectory(tmp_path / "own").tokens()) == 1


def test_a_name_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "--name", "my phone"]) == 2
    assert "letters, digits" in capsys.readouterr().err


def test_a_token_in_the_settings_is_replaced_while_the_daemon_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("openvino")
    pytest.importorskip("onnx")
    config = tmp_path / "daemon.toml"

    def write_token() -> str:
        main(["token", "--name", "gate"])
        shown = capsys.readouterr()
        (line,) = re.findall(r"^    (tokens = .*)$", shown.err, re.MULTILINE)
        engine = json.dumps(str(tmp_path / "tiny"))
        config.write_text(f"engine = {engine}\nauth = 'token'\nport = 0\n{line}\n")
        return shown.out.strip()

    openvino_engine(tmp_path / "tiny")
    old = write_token()
    command = ("-m", "runtime", "serve", "--config", str(config))
    with started(*command) as running, running.serving() as client:
        assert client.get("/engine", headers=bearer(old)).status_code == 200
        new = write_token()
        assert client.get("/engine", headers=bearer(new)).status_code == 200
        assert client.get("/engine", headers=bearer(old)).status_code == 401
        running.tell()
        assert running.ended() == 0
    assert "its tokens: gate" in "".join(running.log)
    for token in (old, new):
        assert token not in "".join(running.log)
