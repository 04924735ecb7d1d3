"""The daemon's certificate, which whoever renews it replaces without a restart."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path
from typing import Optional, Tuple, Union

from runtime.errors import InvalidConfig
from runtime.serving.file_stamp import FileStamp, stamp_of

logger = logging.getLogger(__name__)

_Connection = Union[ssl.SSLSocket, ssl.SSLObject]


class Certificate:
    """A certificate and its key; each new connection is shown the one that is on the disk then.

    Args:
        chain: PEM file with the certificate and those between it and its authority's.
        key: PEM file with the key; None where it is in `chain`, too.

    Raises:
        InvalidConfig: they cannot be read, or do not belong together.
    """

    def __init__(self, chain: Path, key: Optional[Path] = None) -> None:
        self._chain = chain
        self._key = key
        self._stamps = self._stamps_now()
        self._context = self._load()

    def listening_context(self) -> ssl.SSLContext:
        """A context to listen with. It hands every connection on to the newest certificate."""
        context = self._load()
        context.sni_callback = self._present
        return context

    def current(self) -> ssl.SSLContext:
        """The certificate on the disk; the last good one while that is broken or half replaced."""
        stamps = self._stamps_now()
        if stamps != self._stamps:
            self._stamps = stamps
            try:
                self._context = self._load()
            except InvalidConfig as fault:
                # Certificate and key are two files: between the two they do not match, which the
                # second one's stamp puts right.
                logger.warning("the certificate stays as it was: %s", fault)
            else:
                logger.info("%s has changed; new connections get the new certificate", self._chain)
        return self._context

    def _present(self, connection: _Connection, _name: Optional[str], _: ssl.SSLContext) -> None:
        connection.context = self.current()

    def _stamps_now(self) -> Tuple[Optional[FileStamp], Optional[FileStamp]]:
        return stamp_of(self._chain), None if self._key is None else stamp_of(self._key)

    def _load(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            # An encrypted key would make OpenSSL ask for its password on the terminal.
            context.load_cert_chain(self._chain, self._key, password=lambda: "no terminal")
        except OSError as error:
            raise InvalidConfig(
                f"the certificate {self._chain} cannot be used: {error.strerror or error}",
                "Give --tls-certificate a PEM chain and --tls-key its key, both unencrypted and "
                "readable for the daemon's user",
            ) from error
        return context
