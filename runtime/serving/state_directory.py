"""The folder where the daemon keeps what it has to know after a restart: the hashes of tokens."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Mapping, Tuple

from runtime.errors import InvalidConfig
from runtime.files.atomic import write_whole
from runtime.serving.tokens import TokenHash, hash_from_line

OWNER_ONLY = 0o700
SYSTEM_FOLDER = Path("/var/lib/swiftnet")
_CURE = "Name a folder that the daemon's user may write to, with --state-dir"


def default_state_folder(environ: Mapping[str, str]) -> Path:
    """Where systemd's StateDirectory= says, else below the user's own state, else /var/lib."""
    given = environ.get("STATE_DIRECTORY", "").split(":")[0]
    if given:
        return Path(given)
    if environ.get("XDG_STATE_HOME"):
        return Path(environ["XDG_STATE_HOME"]) / "swiftnet"
    if environ.get("HOME"):
        return Path(environ["HOME"]) / ".local" / "state" / "swiftnet"
    return SYSTEM_FOLDER


class StateDirectory:
    """The folder, which is made when something is first kept in it.

    Args:
        path: of the folder. It belongs to the daemon's user, and nobody else gets in: whoever could
            write there could let themselves in.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def token_file(self) -> Path:
        """One token's hash a line; # begins a comment."""
        return self.path / "tokens"

    def tokens(self) -> Tuple[TokenHash, ...]:
        """The hashes kept here; none where nothing was ever kept.

        Raises:
            InvalidConfig: the file cannot be read, or is not as it was written.
        """
        try:
            text = self.token_file.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidConfig(f"{self.token_file} cannot be read: {error}", _CURE) from error
        self._require_private()
        lines = (line.partition("#")[0].strip() for line in text.splitlines())
        return tuple(hash_from_line(line) for line in lines if line)

    def keep(self, token: TokenHash) -> None:
        """Adds a token's hash; one of the same name is replaced.

        Raises:
            InvalidConfig: the folder belongs to somebody else, or cannot be written to.
        """
        try:
            self.path.mkdir(OWNER_ONLY, parents=True, exist_ok=True)
            self._require_private()
            kept = [one for one in self.tokens() if one.name != token.name]
            text = "".join(f"{one.line}\n" for one in (*kept, token))
            write_whole(self.token_file, text.encode())
        except OSError as error:
            problem = f"the state directory {self.path} cannot be written to: {error.strerror}"
            raise InvalidConfig(problem, _CURE) from error

    def _require_private(self) -> None:
        status = self.path.stat()
        if status.st_uid != os.geteuid():
            raise InvalidConfig(
                f"the state directory {self.path} belongs to user {status.st_uid}, not to the "
                f"daemon's user {os.geteuid()}",
                f"Name another with --state-dir, or run `chown {os.geteuid()} {self.path}`",
            )
        if status.st_mode & 0o077:
            self.path.chmod(OWNER_ONLY)
