"""`runtime version`: what this is, and what engines can run here."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

from runtime import __version__

HELP = "show the version and what engines can run here"


def add_arguments(_parser: ArgumentParser) -> None:
    """None."""


def run(_arguments: Namespace) -> None:
    """Shows them, without loading any."""
    from runtime.device.machine import installed_backends

    lines = [f"swiftnet-runtime {__version__}", f"Python {sys.version.split()[0]}"]
    lines += [f"{name} {version}" for name, version in installed_backends().items()]
    sys.stdout.write("\n".join(lines) + "\n")
