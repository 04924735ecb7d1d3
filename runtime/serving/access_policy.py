"""Who is let in: decided from the settings and from where the daemon listens, once at the start."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass, field
from typing import FrozenSet, Optional

from runtime.serving.host_names import HostNames, is_address
from runtime.serving.keyring import Keyring, TokenFile
from runtime.serving.settings import ServeSettings
from runtime.serving.state_directory import SYSTEM_FOLDER, StateDirectory
from runtime.serving.tokens import SCOPES, new_token

FIRST_TOKEN = "first-start"  # noqa: S105 - a name
LINK = """
The daemon asks for a token. This link, shown this once, opens the live page:

    {url}/?token={token}

From another machine, put this one's name or address in its place. Programs send the same token as
"Authorization: Bearer TOKEN". Its hash alone is kept, in {file};
`runtime token` makes others.

"""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class AccessPolicy:
    """What a request must bring along.

    Attributes:
        keyring: knows the tokens that let in; None where nobody is asked for one.
        hosts: names under which the daemon answers.
        origins: pages of other hosts that may ask from a browser.
        metrics_open: whether /metrics is for everybody.
    """

    keyring: Optional[Keyring] = None
    hosts: HostNames = field(default_factory=HostNames)
    origins: FrozenSet[str] = frozenset()
    metrics_open: bool = False


def access_policy(settings: ServeSettings, keyring: Optional[Keyring]) -> AccessPolicy:
    """What the settings say of names and origins, with the tokens that let in."""
    listening = () if is_address(settings.host) else (settings.host.lower(),)
    return AccessPolicy(
        keyring=keyring,
        hosts=HostNames((*settings.allowed_hosts, *listening)),
        origins=frozenset(settings.allowed_origins),
        metrics_open=settings.metrics_open,
    )


class AccessControl:
    """Decides at the start whether tokens are asked for, and sees to it that there is one.

    Args:
        settings: of the daemon.
        on_loopback: whether it listens where this machine alone can reach it.
        configured: the tokens of the settings; as they are now, for good, unless given.
    """

    def __init__(
        self, settings: ServeSettings, on_loopback: bool, configured: Optional[TokenFile] = None
    ) -> None:
        self._settings = settings
        self._configured = configured or TokenFile(None, lambda: settings.token_hashes)
        self._first_token: Optional[str] = None
        asks = settings.auth == "token" or (settings.auth == "auto" and not on_loopback)
        self._keyring = self._open_keyring() if asks else None
        if not asks and not on_loopback:
            logger.warning(
                "auth is none: whoever reaches %s may watch every stream and use the engine",
                settings.host,
            )

    @property
    def policy(self) -> AccessPolicy:
        """What requests must bring along."""
        return access_policy(self._settings, self._keyring)

    def announce(self, url: str) -> None:
        """Shows the way in, when the daemon serves at `url`: as a link, or by whose token it is.

        The link goes past the log, whose lines are sent on and kept.
        """
        if self._keyring is None:
            return
        if self._first_token is not None:
            file = self._state.token_file
            sys.stderr.write(LINK.format(url=url, token=self._first_token, file=file))
            sys.stderr.flush()
            self._first_token = None
        names = ", ".join(token.name for token in self._keyring.tokens())
        logger.info("a token is asked of everybody; those that let in: %s", names)

    @property
    def _state(self) -> StateDirectory:
        return StateDirectory(self._settings.state_dir or SYSTEM_FOLDER)

    def _open_keyring(self) -> Keyring:
        state = self._state
        if not self._configured.tokens():
            self._first_token = _token_of_first_start(state)
        return Keyring(self._configured, TokenFile(state.token_file, state.tokens))


def _token_of_first_start(state: StateDirectory) -> Optional[str]:
    """A token for everything, where none was kept here that can do everything."""
    if any("admin" in token.scopes for token in state.tokens()):
        return None
    token, kept = new_token(FIRST_TOKEN, SCOPES)
    state.keep(kept)
    return token
