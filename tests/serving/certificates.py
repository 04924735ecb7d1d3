"""Certificates for 127.0.0.1 that nobody has signed, made by OpenSSL."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Tuple


def make_certificate(folder: Path, name: str = "gate") -> Tuple[Path, Path]:
    """Writes a certificate and its key, in PEM."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", f"/CN={name}"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key
