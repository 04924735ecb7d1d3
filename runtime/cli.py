"""The command line: one tree of arguments; every command imports its room when it runs.

Exit codes: 0 done; 1 it failed on the way; 2 it cannot work as asked, however often it is tried.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Callable, List, Optional

from runtime import __version__
from runtime.config import ServeSettings, load_settings, streams_from_sources
from runtime.errors import EngineRefused, InvalidConfig, InvalidInput, RuntimeFault

Arguments = argparse.Namespace
Command = Callable[[Arguments], None]

FAILED, NOT_AS_ASKED, INTERRUPTED = 1, 2, 130
# Relative to a checkout of the project, where users begin.
DEMO_ENGINE = Path("engines/camvid-demo")
EXTRAS = {"cv2": "cpu", "openvino": "cpu", "torch": "builder", "onnx": "builder"}


def main(argv: Optional[List[str]] = None) -> int:
    """Runs one command; every expected fault ends in one line on stderr.

    Args:
        argv: arguments without the program's name; those of the process unless given.

    Returns:
        The exit code.
    """
    arguments = _parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except RuntimeFault as fault:
        sys.stderr.write(f"runtime: {fault}\n")
        hopeless = isinstance(fault, (InvalidInput, InvalidConfig, EngineRefused))
        return NOT_AS_ASKED if hopeless else FAILED
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").split(".")[0])
        if extra is None:
            raise
        sys.stderr.write(
            f"runtime: this command needs the module {error.name}, which is not installed. "
            f"Install it with `pip install 'swiftnet-runtime[{extra}]'`.\n"
        )
        return NOT_AS_ASKED
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="runtime", description="Real-time semantic segmentation on the edge."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, run: Command, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(
            name, help=text, description=f"{text[0].upper()}{text[1:]}.", allow_abbrev=False
        )
        added.set_defaults(run=run)
        return added

    _add_serve(command("serve", _serve, "serve an engine over HTTP, with live streams"))
    _add_segment(command("segment", _segment, "segment pictures or a video into a folder"))
    command("version", _version, "show the version and what engines can run here")
    return parser


# ---- serve --------------------------------------------------------------------------------------


def _add_serve(parser: argparse.ArgumentParser) -> None:
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
        default = "" if field.default is None else f" [{field.default}]"
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            metavar=name.rpartition("_")[2].upper(),
            help=f"{field.description}{default}",
        )


def _serve(arguments: Arguments) -> None:
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
    from runtime.daemon import Daemon, log_to_stderr, this_machine

    log_to_stderr(settings.log_level)
    Daemon(settings, this_machine()).run()


def _show(settings: ServeSettings) -> None:
    from runtime.sources.address import without_credentials

    shown = settings.model_dump(mode="json")
    for stream in shown["streams"]:
        stream["uri"] = without_credentials(stream["uri"])
    sys.stdout.write(json.dumps(shown, indent=2) + "\n")


# ---- segment ------------------------------------------------------------------------------------


def _add_segment(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source", type=Path, metavar="INPUT", help="a picture, a folder of pictures, or a video"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FOLDER",
        required=True,
        help="where masks and overlays go; a run that broke off is continued",
    )
    parser.add_argument(
        "--engine",
        type=Path,
        metavar="ENGINE_FOLDER",
        default=DEMO_ENGINE,
        help="folder of the engine [%(default)s]",
    )
    parser.add_argument("--precision", choices=("fp32", "fp16", "int8"), help="which build to run")
    parser.add_argument(
        "--opacity", type=float, default=0.5, help="cover of the mask's colours [%(default)s]"
    )
    parser.add_argument(
        "--quality", type=int, default=80, help="JPEG quality of overlays [%(default)s]"
    )
    parser.add_argument(
        "--label-maps", action="store_true", help="keep the label map of every frame of a video"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="make everything anew instead of continuing"
    )


def _segment(arguments: Arguments) -> None:
    from runtime.backends import open_engine
    from runtime.formats import EncodeOptions
    from runtime.offline import OfflineOptions, segment_path
    from runtime.offline.progress import console_progress
    from runtime.repository import EngineFolder, Machine, choose_build, installed_backends
    from runtime.segmenter import Segmenter

    encode = EncodeOptions(opacity=arguments.opacity, quality=arguments.quality)
    options = OfflineOptions(encode, arguments.label_maps, arguments.overwrite)
    folder = EngineFolder(arguments.engine)
    build = choose_build(folder, Machine(installed_backends()), arguments.precision)
    manifest, artefact = folder.manifest, folder.verified(build)
    with open_engine(manifest, build, artefact) as engine, console_progress() as progress:
        segmenters = [Segmenter(manifest, slot) for slot in engine.slots]
        report = segment_path(
            arguments.source, arguments.output, segmenters, build, options, progress
        )
    sys.stdout.write(f"{report.done} segmented, {report.skipped} finished earlier\n")
    report.require_complete()


# ---- version ------------------------------------------------------------------------------------


def _version(_arguments: Arguments) -> None:
    from runtime.repository import installed_backends

    lines = [f"swiftnet-runtime {__version__}", f"Python {sys.version.split()[0]}"]
    lines += [f"{name} {version}" for name, version in installed_backends().items()]
    sys.stdout.write("\n".join(lines) + "\n")
