"""The settings that say who may ask the daemon for what, and under which names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Optional, Tuple

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator
from typing_extensions import Annotated, Literal

from runtime.errors import InvalidConfig
from runtime.files.toml import Table
from runtime.serving.tokens import TokenHash, hash_from_line

_HOST = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?")


def _listed(value: object) -> object:
    """Several values in one flag or variable stand between commas."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


Listed = Annotated[Tuple[str, ...], BeforeValidator(_listed)]


class AccessSettings(Table):
    """Tokens, names, origins and the certificate."""

    auth: Literal["auto", "token", "none"] = Field(
        default="auto",
        description="token asks everybody for one, none lets everybody do everything; auto is none "
        "where the daemon listens on loopback alone, else token",
    )
    tokens: Listed = Field(
        default=(),
        description="hashes of the tokens that let in, as `runtime token` prints them; the daemon "
        "makes one at its first start unless given",
    )
    state_dir: Optional[Path] = Field(
        default=None,
        description="folder for the hashes of tokens that were made here; the user's own state "
        "folder unless given",
    )
    metrics_open: bool = Field(default=False, description="answer /metrics without a token")
    allowed_hosts: Listed = Field(
        default=(),
        description="more names that the daemon is reached by, `*.example.org` for all below one; "
        "addresses, localhost and the machine's own names always are",
    )
    allowed_origins: Listed = Field(
        default=(),
        description="pages of other hosts that may ask from a browser, such as "
        "`https://dashboard.example.org`",
    )
    tls_certificate: Optional[Path] = Field(
        default=None, description="certificate chain in PEM; with it the daemon speaks HTTPS"
    )
    tls_key: Optional[Path] = Field(
        default=None, description="key of the certificate in PEM, where it is in a file of its own"
    )

    @field_validator("tokens")
    @classmethod
    def _are_hashes(cls, lines: Tuple[str, ...]) -> Tuple[str, ...]:
        try:
            names = [hash_from_line(line).name for line in lines]
        except InvalidConfig as fault:
            raise ValueError(str(fault).rstrip(".")) from fault
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"two tokens are named {repeated[0]!r}")
        return lines

    @field_validator("allowed_hosts")
    @classmethod
    def _are_names(cls, hosts: Tuple[str, ...]) -> Tuple[str, ...]:
        names = tuple(host.lower() for host in hosts)
        for name in names:
            if not _HOST.fullmatch(name):
                raise ValueError(f"{name!r} is no name; write it without http:// and port")
        return names

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, origins: Tuple[str, ...]) -> Tuple[str, ...]:
        lower = tuple(origin.lower() for origin in origins)
        for origin in lower:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is no origin; write http://NAME or https://NAME:PORT")
        return lower

    @field_validator("tls_key")
    @classmethod
    def _has_certificate(cls, key: Optional[Path], others: ValidationInfo) -> Optional[Path]:
        if key is not None and others.data.get("tls_certificate") is None:
            raise ValueError("a key alone is of no use; tls_certificate is missing")
        return key

    @property
    def token_hashes(self) -> Tuple[TokenHash, ...]:
        """`tokens`, taken apart."""
        return tuple(map(hash_from_line, self.tokens))
