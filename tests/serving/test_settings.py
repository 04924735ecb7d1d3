from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Dict, Mapping, Optional

import pytest
from pydantic import ValidationError

from runtime.errors import InvalidConfig
from runtime.serving.settings import (
    ServeSettings,
    StreamSettings,
    load_settings,
    streams_from_sources,
)

ENGINE = {"engine": "engines/demo"}


def settings_from(
    tmp_path: Path,
    text: str = "",
    environ: Optional[Mapping[str, str]] = None,
    flags: Optional[Mapping[str, Any]] = None,
) -> ServeSettings:
    file = tmp_path / "daemon.toml"
    file.write_text(text, encoding="utf-8")
    return load_settings(flags or {}, file, environ or {})


def test_an_engine_is_all_that_must_be_given() -> None:
    settings = load_settings(ENGINE, environ={})
    assert settings.engine == Path("engines/demo")
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    text = "engine = 'file'\nhost = '10.0.0.1'\nport = 1\n"
    settings = settings_from(
        tmp_path, text, {"SWIFTNET_PORT": "2", "SWIFTNET_HOST": "h"}, {"port": "3"}
    )
    assert (settings.engine, settings.host, settings.port) == (Path("file"), "h", 3)


def test_the_environment_can_name_the_file(tmp_path: Path) -> None:
    file = tmp_path / "daemon.toml"
    file.write_text("engine = 'e'\nport = 7\n", encoding="utf-8")
    assert load_settings({}, environ={"SWIFTNET_CONFIG": str(file)}).port == 7


def test_settings_do_not_change() -> None:
    settings: Any = load_settings(ENGINE, environ={})
    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "engine = 'e'\n\nquue = 3\n",
            r"daemon.toml, line 3: there is no setting 'quue', the nearest is 'queue'",
        ),
        ("engine = 'e'\nport = 99999\n", r"daemon.toml, line 2: port = 99999 is refused: .*65535"),
        ("engine = 'e'\nmode = 'fast'\n", r"line 2: mode = 'fast' is refused"),
        (
            "engine = 'e'\n[[streams]]\nid = 'a'\nuri = 'x'\n[[streams]]\nid = 'b'\nurl = 'y'\n",
            r"line 7: there is no setting 'streams.1.url', the nearest is 'uri'",
        ),
        (
            "engine = 'e'\n[[streams]]\nid = 'a'\nuri = 'x'\n\n[[streams]]\nid = 'b'\n",
            r"line 6: the setting 'streams.1.uri' is missing",
        ),
        (
            "engine = 'e'\n[[streams]]\nid = 'a'\nuri = 'x'\n[[streams]]\nid = 'a'\nuri = 'y'\n",
            r"two streams are named 'a'",
        ),
        ("engine = 'e'\n[[streams]]\nid = 'a b'\nuri = 'x'\n", r"line 3: streams.0.id = 'a b'"),
        ("port = \n", r"is not TOML: .*line 1"),
        ("port = 8080\n", r"^the setting 'engine' is missing"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_line(
    tmp_path: Path, text: str, complaint: str
) -> None:
    with pytest.raises(InvalidConfig, match=complaint):
        settings_from(tmp_path, text)


@pytest.mark.parametrize(
    ("environ", "complaint"),
    [
        ({"SWIFTNET_PORT": "eighty"}, r"environment variable SWIFTNET_PORT: port = 'eighty'"),
        (
            {"SWIFTNET_PROT": "80"},
            r"SWIFTNET_PROT: there is no setting 'prot', the nearest is 'port'",
        ),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(
    environ: Dict[str, str], complaint: str
) -> None:
    with pytest.raises(InvalidConfig, match=complaint):
        load_settings(ENGINE, environ=environ)


def test_a_mistake_in_a_flag_names_the_flag() -> None:
    with pytest.raises(InvalidConfig, match=r"flag --drain-seconds: drain_seconds = 60"):
        load_settings({**ENGINE, "drain_seconds": 60}, environ={})


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match=r"no settings .* .*absent.toml: No such file"):
        load_settings(ENGINE, tmp_path / "absent.toml", {})


def test_the_environment_of_others_is_left_alone() -> None:
    assert load_settings(ENGINE, environ={"PATH": "/bin", "SWIFT": "x"}).port == 8080


@pytest.mark.parametrize(
    ("flags", "mode"),
    [
        ({}, "throughput"),
        ({"clients": 1}, "latency"),
        ({"clients": 1, "streams": streams_from_sources(["a.mp4"])}, "latency"),
        ({"clients": 1, "streams": streams_from_sources(["a.mp4", "b.mp4"])}, "throughput"),
        ({"clients": 1, "mode": "throughput"}, "throughput"),
        ({"clients": 64, "mode": "latency"}, "latency"),
    ],
)
def test_the_engine_mode_follows_the_clients_and_streams_allowed(
    flags: Dict[str, Any], mode: str
) -> None:
    assert load_settings({**ENGINE, **flags}, environ={}).engine_mode == mode


@pytest.mark.parametrize(("flags", "places"), [({}, 8), ({"clients": 3}, 3), ({"queue": 0}, 0)])
def test_the_queue_has_a_place_per_client_unless_told(flags: Dict[str, Any], places: int) -> None:
    assert load_settings({**ENGINE, **flags}, environ={}).queue_capacity == places


def test_sources_from_the_command_line_become_streams_with_names() -> None:
    sources = ["clip.mp4", "gate=rtsp://u:p@cam/1?x=y", "rtsp://cam/2?a=b", "/dev/video0"]
    streams = [StreamSettings(**stream) for stream in streams_from_sources(sources)]
    assert [(stream.id, stream.uri) for stream in streams] == [
        ("stream-1", "clip.mp4"),
        ("gate", "rtsp://u:p@cam/1?x=y"),
        ("stream-3", "rtsp://cam/2?a=b"),
        ("stream-4", "/dev/video0"),
    ]


def test_streams_on_the_command_line_replace_those_of_the_file(tmp_path: Path) -> None:
    text = "engine = 'e'\n[[streams]]\nid = 'a'\nuri = 'x'\n"
    flags = {"streams": streams_from_sources(["b=y"])}
    assert [s.id for s in settings_from(tmp_path, text, flags=flags).streams] == ["b"]


@pytest.mark.parametrize("name", ["config.example.toml", "demo.toml"])
def test_the_settings_that_ship_are_valid(name: str) -> None:
    file = Path(__file__).parent.parent.parent / "deploy" / name
    assert load_settings({}, file, {}).engine.name == "camvid-demo"


def test_the_example_shows_the_defaults() -> None:
    example = Path(__file__).parent.parent.parent / "deploy" / "config.example.toml"
    daemon, _ = example.read_text(encoding="utf-8").split("# ---- streams")
    shown = re.findall(r"^# (\w+) = ([^#\n]+)", daemon, re.MULTILINE)
    assert len(shown) > 10
    for name, value in shown:
        default = ServeSettings.model_fields[name].default
        if default is not None:
            assert json.loads(value) == json.loads(json.dumps(default)), name


def test_the_manual_lists_every_setting() -> None:
    manual = (Path(__file__).parent.parent.parent / "docs" / "configuration.md").read_text(
        encoding="utf-8"
    )
    for model in (ServeSettings, StreamSettings):
        for name, field in model.model_fields.items():
            assert f"| `{name}` |" in manual
            assert field.description is not None
            assert field.description in manual, name
