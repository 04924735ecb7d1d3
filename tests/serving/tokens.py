"""Tokens that tests know, and a daemon's policy that lets their holders in."""

from __future__ import annotations

from typing import Any, Dict, Tuple

from runtime.serving.access_policy import AccessPolicy
from runtime.serving.keyring import Keyring, TokenFile
from runtime.serving.tokens import SCOPES, TokenHash, new_token

ONE_OF_EACH = {scope: new_token(f"{scope}-only", [scope]) for scope in SCOPES}
TOKENS: Dict[str, str] = {scope: token for scope, (token, _) in ONE_OF_EACH.items()}
KEPT: Tuple[TokenHash, ...] = tuple(kept for _, kept in ONE_OF_EACH.values())


def keyring(*kept: TokenHash) -> Keyring:
    return Keyring(TokenFile(None, lambda: kept), TokenFile(None, lambda: ()))


def asking(**differently: Any) -> AccessPolicy:
    """A policy that lets in whoever has one of `TOKENS`."""
    return AccessPolicy(keyring=keyring(*KEPT), **differently)


def bearer(token: str) -> Dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
