from __future__ import annotations

import json
from pathlib import Path
from typing import List

import pytest

from runtime.cli import main
from runtime.config import ServeSettings


def validated(capsys: pytest.CaptureFixture[str], *arguments: str) -> ServeSettings:
    assert main(["serve", *arguments, "--validate"]) == 0
    return ServeSettings(**json.loads(capsys.readouterr().out))


def test_flags_and_sources_become_settings(capsys: pytest.CaptureFixture[str]) -> None:
    settings = validated(
        capsys, "engines/x", "--port", "0", "--upload-bytes=2048", "--source", "a.mp4"
    )
    assert (settings.engine, settings.port, settings.upload_bytes) == (Path("engines/x"), 0, 2048)
    assert [(stream.id, stream.uri) for stream in settings.streams] == [("stream-1", "a.mp4")]


def test_a_file_may_say_it_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "daemon.toml"
    file.write_text("engine = 'e'\nclients = 1\n", encoding="utf-8")
    assert validated(capsys, "--config", str(file)).engine_mode == "latency"


def test_passwords_are_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    settings = validated(capsys, "e", "--source", "gate=rtsp://user:hunter2@cam/1")
    assert "hunter2" not in settings.streams[0].uri


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "the setting 'engine' is missing"),
        (["e", "--port", "99999"], "flag --port: port = '99999' is refused"),
        (["e", "--mode", "fast"], "flag --mode: mode = 'fast' is refused"),
        (["e", "--source", "a b=c", "--source", "stream-1=x"], "two streams are named 'stream-1'"),
        (["e", "--config", "/nowhere.toml"], "/nowhere.toml cannot be read"),
        (["/nowhere"], "no manifest can be read at /nowhere"),
    ],
)
def test_what_cannot_be_served_ends_in_one_line(
    arguments: List[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [] if "--port" in arguments else ["--port", "0"]
    assert main(["serve", *arguments, *flags]) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith("runtime: ")
    assert complaint in told


@pytest.mark.parametrize("name", sorted(set(ServeSettings.model_fields) - {"engine", "streams"}))
def test_every_setting_has_its_flag(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    assert f"--{name.replace('_', '-')} " in capsys.readouterr().out
