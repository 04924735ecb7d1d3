"""`runtime inspect`: what an engine folder holds, how good it is, and what would run here."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

HELP = "show all that an engine folder says of itself"


def add_arguments(parser: ArgumentParser) -> None:
    """Which engine, and how closely to look."""
    parser.add_argument("engine", type=Path, metavar="ENGINE", help="folder of the engine")
    parser.add_argument(
        "--verify", action="store_true", help="check the hash of every file of the engine"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def run(arguments: Namespace) -> None:
    """Prints it; nothing of the engine is loaded.

    Raises:
        EngineRefused: there is no manifest, or a file is not what the manifest says.
    """
    from runtime.console import output_console
    from runtime.device.machine import this_machine
    from runtime.diagnostics.inspection import inspect_engine
    from runtime.diagnostics.inspection_text import page
    from runtime.repository.engine_folder import EngineFolder

    inspection = inspect_engine(EngineFolder(arguments.engine), this_machine(), arguments.verify)
    if arguments.json:
        sys.stdout.write(json.dumps(inspection.as_json(), indent=2) + "\n")
    else:
        output_console().print(page(inspection))
    inspection.require_intact()
