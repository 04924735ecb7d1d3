"""`runtime doctor`: what fits on this machine, what does not, and the cure."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

HELP = "check this machine, and whether an engine runs on it"


def add_arguments(parser: ArgumentParser) -> None:
    """What to look at besides the machine."""
    add = parser.add_argument
    add("engine", nargs="?", type=Path, metavar="ENGINE", help="folder of an engine to check too")
    add(
        "--run",
        dest="run_engine",
        action="store_true",
        help="run the engine on its known image",
    )
    add(
        "--source",
        action="append",
        default=[],
        metavar="URI",
        help="a camera, address or file to read a frame of; may be repeated",
    )
    add("--host", default="127.0.0.1", help="address to serve at [%(default)s]")
    add("--port", type=int, default=8080, help="port to serve at [%(default)s]")
    add("--json", action="store_true", help="print JSON, for programs")


def run(arguments: Namespace) -> None:
    """Prints every finding.

    Raises:
        RuntimeFault: at least one is a problem.
    """
    from dataclasses import asdict

    from runtime.console import output_console
    from runtime.diagnostics.checks import diagnose
    from runtime.diagnostics.probe import surroundings_here
    from runtime.diagnostics.text import page, summary
    from runtime.errors import RuntimeFault
    from runtime.repository.engine_folder import EngineFolder

    engine = None if arguments.engine is None else EngineFolder(arguments.engine)
    listen = (arguments.host, arguments.port)
    findings = diagnose(surroundings_here(engine, arguments.run_engine, arguments.source, listen))
    if arguments.json:
        sys.stdout.write(json.dumps([asdict(found) for found in findings], indent=2) + "\n")
    else:
        output_console().print(page(findings))
    if any(found.verdict == "problem" for found in findings):
        raise RuntimeFault(summary(findings), "Do what stands below each problem, and ask again")
