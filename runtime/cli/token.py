"""`runtime token`: a token for somebody, and what the daemon has to know of it."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from runtime.serving.settings import state_folder
from runtime.serving.state_directory import StateDirectory
from runtime.serving.tokens import SCOPES, new_token

HELP = "make a token that lets somebody use the daemon"


def add_arguments(parser: ArgumentParser) -> None:
    """Whose token it will be, what it is good for, and where its hash goes."""
    parser.add_argument(
        "--name", default="token", help="who gets it, for the log; a name is there once [token]"
    )
    parser.add_argument(
        "--scope",
        action="append",
        choices=SCOPES,
        help="what it is good for: segment sends images, view watches streams and numbers, admin "
        "changes the daemon and does the rest, too; may be repeated [all three]",
    )
    parser.add_argument(
        "--keep",
        action="store_true",
        help="put its hash into the state directory, where a daemon without tokens in its settings "
        "takes it up at once; a token of the same name ends",
    )
    parser.add_argument(
        "--state-dir", type=Path, metavar="DIR", help="that folder; the daemon's own unless given"
    )


def run(arguments: Namespace) -> None:
    """Shows the token on stdout, for a file or a variable, and its hash on stderr.

    Raises:
        InvalidConfig: the name is none, or the state directory cannot be written to.
    """
    token, kept = new_token(arguments.name, arguments.scope or SCOPES)
    if arguments.keep:
        state = StateDirectory(arguments.state_dir or state_folder())
        state.keep(kept)
        told = f"Its hash is kept in {state.token_file}."
    else:
        told = f'Its hash, for the settings:\n\n    tokens = ["{kept.line}"]\n'
    sys.stdout.write(f"{token}\n")
    sys.stdout.flush()
    sys.stderr.write(f"The token is shown this once. {told}\n")
