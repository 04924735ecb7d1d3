"""`runtime prune`: a smaller network from a trained one."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from runtime.cli.prune_arguments import add_prune_arguments, prune

HELP = "prune a trained network, or plan how"


def add_arguments(parser: ArgumentParser) -> None:
    """What to remove, and what to do afterwards."""
    add_prune_arguments(parser)


def run(arguments: Namespace) -> None:
    """Prunes.

    Raises:
        RuntimeFault: the arguments contradict each other, or a file cannot be used.
    """
    prune(arguments)
