"""Tokens: what a client shows to be let in. They are made here, and only their hashes are kept."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import FrozenSet, Iterable, Optional, Tuple

from typing_extensions import Literal

from runtime.errors import InvalidConfig

Scope = Literal["segment", "view", "admin"]
SCOPES: Tuple[Scope, ...] = ("segment", "view", "admin")
# Drawn at random from 2^256, a token cannot be guessed, so one round of a fast hash keeps it: what
# slow hashes protect is passwords that people choose.
TOKEN_BYTES = 32

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CURE = "Write NAME SCOPES sha256:HASH, as `runtime token` prints it"


@dataclass(frozen=True)
class TokenHash:
    """A token that lets in, as it is kept: who has it, what it is good for, and its hash.

    Attributes:
        name: of whoever was given it, by which the log tells tokens apart.
        scopes: what it is good for. "segment" sends images, "view" watches streams and numbers,
            "admin" changes the daemon and, as it could grant itself the others, has them too.
        sha256: of the token, 64 hexadecimal digits.

    Raises:
        InvalidConfig: a part is not what it should be. The message does not repeat it: people paste
            tokens where hashes belong.
    """

    name: str
    scopes: FrozenSet[Scope]
    sha256: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InvalidConfig("a token's name has letters, digits and . _ - only", _CURE)
        if not self.scopes or not self.scopes <= set(SCOPES):
            known = ", ".join(SCOPES)
            raise InvalidConfig(f"the scopes of the token {self.name!r} are not of {known}", _CURE)
        if not _SHA256.fullmatch(self.sha256):
            raise InvalidConfig(f"the token {self.name!r} has no SHA-256 of 64 hex digits", _CURE)

    @property
    def line(self) -> str:
        """How it is written in settings and in the state directory."""
        scopes = "+".join(scope for scope in SCOPES if scope in self.scopes)
        return f"{self.name} {scopes} sha256:{self.sha256}"

    def allows(self, wanted: FrozenSet[Scope]) -> bool:
        """Whether it has one of the scopes that are `wanted`."""
        return "admin" in self.scopes or bool(self.scopes & wanted)


def hash_from_line(line: str) -> TokenHash:
    """A token's hash as it was written.

    Raises:
        InvalidConfig: it was written in another way.
    """
    parts = line.split()
    if len(parts) != 3 or not parts[2].startswith("sha256:"):
        raise InvalidConfig("a token is not written as three words, the last a hash", _CURE)
    name, scopes, digest = parts
    known = {scope: scope for scope in SCOPES}
    named = scopes.split("+")
    if not set(named) <= set(known):
        raise InvalidConfig(f"the scopes of a token are not of {', '.join(SCOPES)}", _CURE)
    return TokenHash(name, frozenset(known[s] for s in SCOPES if s in named), digest[7:].lower())


def new_token(name: str, scopes: Iterable[Scope]) -> Tuple[str, TokenHash]:
    """A token that nobody has yet: itself, to be shown once, and what is kept of it."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    return token, TokenHash(name, frozenset(scopes), _sha256(token))


def matching(token: str, kept: Iterable[TokenHash]) -> Optional[TokenHash]:
    """The one of the `kept` that is the hash of `token`; takes as long whether it is or not."""
    digest, found = _sha256(token), None
    for one in kept:
        if hmac.compare_digest(one.sha256, digest):
            found = one
    return found


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
