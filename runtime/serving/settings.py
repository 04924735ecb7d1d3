"""The daemon's settings: file < environment < flags, checked once, then frozen.

The only module that reads the environment. Every fact about a setting (name, type, bounds, default,
meaning) is a field of `ServeSettings`, its `AccessSettings` or `StreamSettings`; the flags of
`runtime serve`, the names of the environment variables and docs/configuration.md follow from them.
"""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from pydantic import Field, ValidationError, field_validator
from typing_extensions import Literal

from runtime.errors import InvalidConfig
from runtime.files.toml import Table, read_toml
from runtime.serving.access_settings import AccessSettings
from runtime.serving.state_directory import default_state_folder
from runtime.sources.address import without_credentials

PREFIX = "SWIFTNET_"
FILE_VARIABLE = "SWIFTNET_CONFIG"
MEBIBYTE = 1024 * 1024

Location = Tuple[Union[int, str], ...]


class StreamSettings(Table):
    """One camera, video, folder of images or address that the daemon segments from start to end."""

    id: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="name of the stream in addresses and metrics",
    )
    uri: str = Field(
        min_length=1,
        description="where the frames come from: a video file, a folder of images, a camera "
        "(`/dev/video0`) or an `rtsp://` address",
    )
    loop: bool = Field(default=False, description="start files and folders again at their end")
    max_fps: Optional[float] = Field(
        default=None, gt=0, description="take at most this many frames per second"
    )
    weight: int = Field(
        default=1, ge=1, le=100, description="turns on the engine per round; requests have 1"
    )
    opacity: float = Field(
        default=0.5, ge=0, le=1, description="how much the mask's colour covers the image"
    )
    jpeg_quality: int = Field(default=80, ge=1, le=100, description="quality of overlay images")


class ServeSettings(AccessSettings):
    """Everything `runtime serve` can be told."""

    engine: Path = Field(description="folder of the engine to serve")
    host: str = Field(default="127.0.0.1", description="address to listen on; 0.0.0.0 is every one")
    port: int = Field(
        default=8080, ge=0, le=65535, description="port to listen on; 0 picks a free one"
    )
    mode: Literal["auto", "latency", "throughput"] = Field(
        default="auto",
        description="latency gives one frame all cores, throughput one frame to each core; auto is "
        "latency where at most one client and one stream are allowed",
    )
    precision: Optional[Literal["fp32", "fp16", "int8"]] = Field(
        default=None, description="which build to run; the fastest that fits unless given"
    )
    clients: int = Field(
        default=8, ge=1, le=1024, description="clients that send images at the same time"
    )
    queue: Optional[int] = Field(
        default=None,
        ge=0,
        le=4096,
        description="requests that may wait for the engine, more are refused; as many as clients "
        "unless given",
    )
    request_seconds: float = Field(
        default=5.0, gt=0, le=600, description="a request that waits longer is dropped unserved"
    )
    connections: int = Field(default=1024, ge=1, description="open connections of all clients")
    client_connections: int = Field(
        default=512, ge=1, description="open connections of one address"
    )
    place_seconds: float = Field(
        default=1.0, ge=0, le=60, description="how long a request waits for a place before a 503"
    )
    refusals_per_second: float = Field(
        default=100.0, gt=0, description="further refusals wait, so that they cost no processor"
    )
    upload_seconds: float = Field(
        default=30.0, gt=0, le=600, description="an upload that takes longer is refused"
    )
    upload_bytes: int = Field(
        default=32 * MEBIBYTE, ge=1024, description="largest body of one request"
    )
    upload_memory_bytes: int = Field(
        default=256 * MEBIBYTE, ge=1024, description="bodies of all requests held at one time"
    )
    image_pixels: int = Field(
        default=64_000_000, ge=1024, description="largest image, width x height"
    )
    canary_seconds: float = Field(
        default=30.0, gt=0, le=3600, description="pause between images with a known answer"
    )
    drain_seconds: float = Field(
        default=2.0, ge=0, le=2.5, description="time that accepted work gets after SIGTERM"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="least severe message that is logged"
    )
    gpu_busy_wait: bool = Field(
        default=False, description="wait for the GPU with a core of its own, and answer sooner"
    )
    gpu_cuda_graphs: bool = Field(
        default=False, description="capture the engine's work once and replay it (TensorRT-RTX)"
    )
    streams: Tuple[StreamSettings, ...] = Field(default=(), description="what to segment live")

    @field_validator("streams")
    @classmethod
    def _distinct(cls, streams: Tuple[StreamSettings, ...]) -> Tuple[StreamSettings, ...]:
        ids = [stream.id for stream in streams]
        repeated = sorted({name for name in ids if ids.count(name) > 1})
        if repeated:
            raise ValueError(f"two streams are named {repeated[0]!r}")
        return streams

    @property
    def engine_mode(self) -> Literal["latency", "throughput"]:
        """`mode`, decided by the clients and streams allowed where it is auto."""
        if self.mode != "auto":
            return self.mode
        return "latency" if max(self.clients, len(self.streams)) <= 1 else "throughput"

    @property
    def queue_capacity(self) -> int:
        """Places in the queue of requests."""
        return self.clients if self.queue is None else self.queue


def load_settings(
    flags: Mapping[str, Any],
    file: Optional[Path] = None,
    environ: Optional[Mapping[str, str]] = None,
) -> ServeSettings:
    """The daemon's settings from all three layers.

    Args:
        flags: what the command line gave, by setting; it wins over the rest.
        file: a TOML file; SWIFTNET_CONFIG names one where this is None.
        environ: SWIFTNET_PORT and its like; the process's environment where this is None.

    Raises:
        InvalidConfig: naming the file and line, the variable or the flag, and the setting.
    """
    environ = os.environ if environ is None else environ
    file = settings_file(file, environ)
    layers = [_file_layer(file)] if file else []
    layers += [_environment_layer(environ), _Layer(flags, _flag)]
    values: Dict[str, Any] = {}
    places: Dict[str, Callable[[Location], str]] = {}
    for layer in layers:
        for name, value in layer.values.items():
            values[name], places[name] = value, layer.place
    values.setdefault("state_dir", state_folder(environ))
    try:
        return ServeSettings(**values)
    except ValidationError as error:
        raise _fault(error, places) from error


def settings_file(
    named: Optional[Path] = None, environ: Optional[Mapping[str, str]] = None
) -> Optional[Path]:
    """The file of settings: the one that was `named`, else SWIFTNET_CONFIG's, if any."""
    environ = os.environ if environ is None else environ
    given = environ.get(FILE_VARIABLE)
    return named if named is not None or given is None else Path(given)


def state_folder(environ: Optional[Mapping[str, str]] = None) -> Path:
    """Where the daemon keeps its state unless settings say otherwise."""
    environ = os.environ if environ is None else environ
    given = environ.get(f"{PREFIX}STATE_DIR")
    return Path(given) if given else default_state_folder(environ)


def streams_from_sources(sources: Sequence[str]) -> List[Dict[str, Any]]:
    """`--source` arguments as streams: `URI`, or `NAME=URI` to choose the stream's name."""
    streams = []
    for number, source in enumerate(sources, start=1):
        named = re.match(r"([A-Za-z0-9][A-Za-z0-9._-]*)=(.+)", source, re.DOTALL)
        name, uri = named.groups() if named else (f"stream-{number}", source)
        streams.append({"id": name, "uri": uri})
    return streams


@dataclass(frozen=True)
class _Layer:
    """Settings from one place, and how to tell a reader where one of them stands."""

    values: Mapping[str, Any]
    place: Callable[[Location], str]


def _file_layer(file: Path) -> _Layer:
    said = read_toml(file, "settings", "Name a file that exists")
    return _Layer(said.values, lambda location: f"{file}, line {_line_of(said.text, location)}")


def _line_of(text: str, location: Location) -> int:
    """The line of a setting in a TOML file; of its table where the setting is missing there."""
    lines = text.splitlines()
    header = rf"\s*\[\[\s*{re.escape(str(location[0]))}\s*\]\]"
    tables = [number for number, line in enumerate(lines) if re.match(header, line)]
    index = location[1] if len(location) > 1 else None
    start = tables[index] if isinstance(index, int) and index < len(tables) else 0
    setting = rf"\s*[\"']?{re.escape(str(location[-1]))}[\"']?\s*="
    for number in range(start, len(lines)):
        if re.match(setting, lines[number]):
            return number + 1
    return start + 1


def _environment_layer(environ: Mapping[str, str]) -> _Layer:
    values = {
        name[len(PREFIX) :].lower(): value
        for name, value in environ.items()
        if name.startswith(PREFIX) and name != FILE_VARIABLE
    }
    return _Layer(values, _variable)


def _variable(location: Location) -> str:
    return f"environment variable {PREFIX}{str(location[0]).upper()}"


def _flag(location: Location) -> str:
    if location[0] == "engine":
        return "the engine folder argument"
    if location[0] == "streams":
        return "flag --source"
    return f"flag --{location[0]}".replace("_", "-")


def _fault(
    error: ValidationError, places: Mapping[str, Callable[[Location], str]]
) -> InvalidConfig:
    # A misspelt setting is the cause where another then seems to be missing.
    first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    location: Location = first["loc"] or ("engine",)
    name = ".".join(str(part) for part in location)
    place = places.get(str(location[0]))
    where = f"{place(location)}: " if place else ""
    if first["type"] == "extra_forbidden":
        model = StreamSettings if len(location) > 1 else ServeSettings
        near = difflib.get_close_matches(str(location[-1]), list(model.model_fields), n=1)
        nearest = f", the nearest is {near[0]!r}" if near else ""
        return InvalidConfig(
            f"{where}there is no setting {name!r}{nearest}", "docs/configuration.md lists them all"
        )
    if first["type"] == "missing":
        cure = "Give it a value"
        if location == ("engine",):
            cure = "Name the engine's folder, as in `runtime serve engines/camvid-demo`"
        return InvalidConfig(f"{where}the setting {name!r} is missing", cure)
    message = first["msg"][:1].lower() + first["msg"][1:]
    return InvalidConfig(
        f"{where}{name}{_shown(location, first['input'])} is refused: {message}",
        "See docs/configuration.md for what is allowed",
    )


def _shown(location: Location, value: object) -> str:
    """` = value` in a complaint, unless it may hold what no log may hold: a password or a token."""
    if location[0] == "tokens" or not isinstance(value, (str, int, float)):
        return ""
    return f" = {without_credentials(value)!r}" if isinstance(value, str) else f" = {value!r}"
