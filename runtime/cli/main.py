"""The command line: one module per command, which imports its room only when it runs.

Exit codes: 0 done; 1 it failed on the way; 2 it cannot work as asked, however often it is tried.
"""

from __future__ import annotations

import argparse
import difflib
import io
import re
import sys
from typing import Dict, List, Optional, Sequence

from typing_extensions import Protocol

from runtime import __version__
from runtime.cli import (
    build_engine,
    check_dataset,
    doctor,
    evaluate,
    inspect,
    profile,
    prune,
    report,
    segment,
    sensitivity,
    serve,
    study,
    token,
    train,
    version,
)
from runtime.errors import EngineRefused, InvalidConfig, InvalidInput, RuntimeFault
from runtime.inference.backends.openvino_telemetry import report_nothing


class Command(Protocol):
    """What a command's module has."""

    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser, /) -> None:
        """Adds its arguments to its own parser."""

    def run(self, arguments: argparse.Namespace, /) -> None:
        """Does what the arguments say; raises RuntimeFault where it cannot."""


COMMANDS: Dict[str, Command] = {
    "serve": serve,
    "segment": segment,
    "check-dataset": check_dataset,
    "train": train,
    "evaluate": evaluate,
    "prune": prune,
    "sensitivity": sensitivity,
    "study": study,
    "profile": profile,
    "report": report,
    "build-engine": build_engine,
    "inspect": inspect,
    "doctor": doctor,
    "token": token,
    "version": version,
}
FAILED, NOT_AS_ASKED, INTERRUPTED = 1, 2, 130
EXTRAS = {
    "cv2": "cpu",
    "openvino": "cpu",
    "torch": "builder",
    "onnx": "builder",
    "matplotlib": "builder",
}


def main(argv: Optional[List[str]] = None) -> int:
    """Runs one command; every expected fault ends in one line on stderr.

    Args:
        argv: arguments without the program's name; those of the process unless given.

    Returns:
        The exit code.
    """
    report_nothing()
    _print_any_name()
    arguments, unknown = parser().parse_known_args(argv)
    try:
        if unknown:
            raise _unknown(arguments.tree, unknown)
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
            f"Install it with `pip install '.[{extra}]'` in the project's folder.\n"
        )
        return NOT_AS_ASKED
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _print_any_name() -> None:
    """Lets standard output escape, as standard error does, what its encoding cannot express."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def parser() -> argparse.ArgumentParser:
    """The whole tree of arguments."""
    tree = argparse.ArgumentParser(
        prog="runtime", description="Real-time semantic segmentation on the edge."
    )
    tree.add_argument("--version", action="version", version=__version__)
    commands = tree.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        described = f"{command.HELP[0].upper()}{command.HELP[1:]}."
        added = commands.add_parser(
            name, help=command.HELP, description=described, allow_abbrev=False
        )
        command.add_arguments(added)
        added.set_defaults(run=command.run, tree=added)
    return tree


def _unknown(command: argparse.ArgumentParser, unknown: Sequence[str]) -> InvalidInput:
    """What a command does not take, in place of argparse's complaint, which hides its flags."""
    manual = f"`{command.prog} --help` shows what it takes"
    first = unknown[0].split("=")[0]
    flags = re.findall(r"--[a-z0-9][a-z0-9-]*", command.format_usage())
    near = difflib.get_close_matches(first, flags, n=1)
    return InvalidInput(
        f"`{command.prog}` does not take {first}",
        f"Did you mean {near[0]}? {manual}" if near else manual,
    )
