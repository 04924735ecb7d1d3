"""The tokens that let in at this moment: those of the settings, else those of the state directory.

Both stand in files, and a file that changes is read again before the next request is judged: a
token is given or taken away without a restart.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Callable, Optional, Tuple

from runtime.errors import RuntimeFault
from runtime.serving.file_stamp import FileStamp, stamp_of
from runtime.serving.tokens import TokenHash, matching

logger = logging.getLogger(__name__)


class TokenFile:
    """The tokens of a file, read again when the file is no longer what it was.

    Args:
        path: what to watch; None where tokens come from no file and stay as they are.
        read: gives the tokens that are there now.

    Raises:
        RuntimeFault: `read` fails already at the beginning.
    """

    def __init__(self, path: Optional[Path], read: Callable[[], Tuple[TokenHash, ...]]) -> None:
        self._path = path
        self._read = read
        self._stamp = self._stamp_now()
        self._tokens = read()

    def tokens(self) -> Tuple[TokenHash, ...]:
        """Those there are now; those there were as long as the file is broken."""
        stamp = self._stamp_now()
        if stamp != self._stamp:
            self._stamp = stamp
            self._read_again()
        return self._tokens

    def _stamp_now(self) -> Optional[FileStamp]:
        return None if self._path is None else stamp_of(self._path)

    def _read_again(self) -> None:
        try:
            self._tokens = self._read()
        except RuntimeFault as fault:
            logger.warning("the tokens stay as they were: %s", fault)
        else:
            named = ", ".join(token.name for token in self._tokens) or "none"
            logger.info("%s has changed; its tokens: %s", self._path, named)


class Keyring:
    """Tells whose token it is that a request shows.

    Args:
        configured: the tokens of the settings. As long as there is one, no other counts: a token
            of the first start, which may stand in old logs, ends with the first that is configured.
        made_here: the tokens of the state directory.
    """

    def __init__(self, configured: TokenFile, made_here: TokenFile) -> None:
        self._configured = configured
        self._made_here = made_here

    def tokens(self) -> Tuple[TokenHash, ...]:
        """All that let in now."""
        return self._configured.tokens() or self._made_here.tokens()

    def holder_of(self, token: str) -> Optional[TokenHash]:
        """Whose token it is and what it is good for; None where it lets nobody in."""
        return matching(token, self.tokens())
