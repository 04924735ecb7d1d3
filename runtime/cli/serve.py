"""`runtime serve`: the daemon, with its settings from file, environment and flags."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from runtime.serving.settings import (
    ServeSettings,
    load_settings,
    settings_file,
    streams_from_sources,
)

HELP = "serve an engine over HTTP, with live streams"


def add_arguments(parser: ArgumentParser) -> None:
    """The engine, the sources, and a flag for every setting of the daemon."""
    parser.add_argument(
        "engine", nargs="?", type=Path, metavar="ENGINE_FOLDER", help="folder of the engine"
    )
    parser.add_argument(
        "--source",
        action="append",
        metavar="[NAME=]URI",
        help="segment this live: a video, a folder of images, a camera (/dev/video0) or an "
        "rtsp:// address; may be repeated",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings in TOML; flags win")
    parser.add_argument(
        "--validate", action="store_true", help="check the settings, show them and end"
    )
    for name, field in ServeSettings.model_fields.items():
        if name in ("engine", "streams"):
            continue
        default = "" if field.default in (None, ()) else f" [{field.default}]"
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            metavar=name.rpartition("_")[2].upper(),
            help=f"{field.description}{default}",
        )


def run(arguments: Namespace) -> None:
    """Serves until a signal comes.

    Raises:
        RuntimeFault: the settings or the engine cannot be used, or the engine failed.
    """
    flags = {
        name: getattr(arguments, name)
        for name in ServeSettings.model_fields
        if getattr(arguments, name, None) is not None
    }
    if arguments.source:
        flags["streams"] = streams_from_sources(arguments.source)
    settings = load_settings(flags, arguments.config)
    if arguments.validate:
        _show(settings)
        return
    from runtime.device.machine import this_machine
    from runtime.serving.daemon import Daemon, log_to_stderr
    from runtime.serving.keyring import TokenFile

    log_to_stderr(settings.log_level)
    tokens = TokenFile(
        settings_file(arguments.config),
        lambda: load_settings(flags, arguments.config).token_hashes,
    )
    Daemon(settings, this_machine(), tokens).run()


def _show(settings: ServeSettings) -> None:
    from runtime.sources.address import without_credentials

    shown = settings.model_dump(mode="json")
    for stream in shown["streams"]:
        stream["uri"] = without_credentials(stream["uri"])
    sys.stdout.write(json.dumps(shown, indent=2) + "\n")
