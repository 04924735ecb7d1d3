from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import List

import pytest

from runtime.cli.main import main
from runtime.repository.manifest import Build, ClassesSpec, manifest_text
from runtime.serving.settings import ServeSettings
from tests.engines import HEIGHT, WIDTH, small_manifest
from tests.serving.api.serving import image
from tests.serving.daemons import started


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
        ([], "the setting 'engine' is missing. Name the engine's folder"),
        (["e", "--port", "99999"], "flag --port: port = '99999' is refused"),
        (["e", "--mode", "fast"], "flag --mode: mode = 'fast' is refused"),
        (["e", "--source", "a b=c", "--source", "stream-1=x"], "two streams are named 'stream-1'"),
        (["e", "--config", "/nowhere.toml"], "no settings can be read at /nowhere.toml"),
        (["/nowhere"], "there is no engine folder /nowhere"),
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


def openvino_engine(path: Path) -> Path:
    from tests.inference.backends.networks import write_onnx

    path.mkdir()
    onnx = write_onnx(path / "model.onnx")
    content = onnx.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    build = Build(
        precision="fp32",
        backend="openvino",
        artefact=onnx.name,
        sha256=sha256,
        size=len(content),
        onnx_sha256=sha256,
        backend_version="any",
    )
    classes = ClassesSpec(names=["a", "b", "c"], palette=[(0, 0, 0), (9, 9, 9), (99, 99, 99)])
    manifest = small_manifest([build]).model_copy(update={"classes": classes})
    (path / "manifest.json").write_text(manifest_text(manifest), encoding="utf-8")
    return path


@pytest.mark.long
def test_an_engine_is_served_from_the_command_line(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    pytest.importorskip("onnx")
    engine = openvino_engine(tmp_path / "tiny")
    command = ("-m", "runtime", "serve", str(engine), "--port", "0")
    with started(*command) as running, running.serving() as client:
        assert client.get("/readyz").status_code == 200
        assert client.get("/engine").json()["backend"] == "openvino"
        answer = client.post("/segment?format=raw&size=model", content=image())
        assert (answer.status_code, len(answer.content)) == (200, HEIGHT * WIDTH)
        running.tell()
        assert running.ended() == 0
        assert "Traceback" not in "".join(running.log)
