from __future__ import annotations

import logging
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Tuple

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from runtime.errors import InvalidConfig
from runtime.serving.http_server import HttpServer
from runtime.serving.tls import Certificate
from tests.serving.certificates import make_certificate

pytestmark = pytest.mark.openssl

Files = Tuple[Path, Path]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return make_certificate(tmp_path)


def in_place_of(files: Files, tmp_path: Path) -> Files:
    """A new certificate, under the old one's names."""
    newer = make_certificate(tmp_path, "newer")
    for old, new in zip(files, newer):
        new.replace(old)
    return files


async def scheme(scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["scheme"].encode()})


def shown(port: int) -> bytes:
    """The certificate that a new connection is shown."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    raw = socket.create_connection(("127.0.0.1", port), timeout=20)
    with context.wrap_socket(raw, server_hostname="localhost") as connection:
        certificate = connection.getpeercert(binary_form=True)
    assert certificate is not None
    return certificate


def on_disk(certificate: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(certificate.read_text(encoding="ascii"))


def port_of(server: HttpServer) -> int:
    return int(server.url.rsplit(":", 1)[1])


def test_a_client_that_trusts_the_certificate_is_answered(files: Files) -> None:
    with HttpServer("127.0.0.1", 0, Certificate(*files)) as server:
        server.start(scheme, lambda: None)
        assert server.url.startswith("https://127.0.0.1:")
        trusting = ssl.create_default_context(cafile=str(files[0]))
        assert httpx.get(server.url, verify=trusting).text == "https"
        with pytest.raises(httpx.ConnectError, match="certificate"):
            httpx.get(server.url)


def test_old_protocols_are_not_spoken(files: Files) -> None:
    assert Certificate(*files).current().minimum_version == ssl.TLSVersion.TLSv1_2
    assert Certificate(*files).listening_context().minimum_version == ssl.TLSVersion.TLSv1_2


def test_who_speaks_http_is_not_answered_and_disturbs_nobody(files: Files) -> None:
    with HttpServer("127.0.0.1", 0, Certificate(*files)) as server:
        server.start(scheme, lambda: None)
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{port_of(server)}")
        assert shown(port_of(server)) == on_disk(files[0])


def test_a_renewed_certificate_is_shown_to_the_next_connection(
    files: Files, tmp_path: Path
) -> None:
    with HttpServer("127.0.0.1", 0, Certificate(*files)) as server:
        server.start(scheme, lambda: None)
        before = on_disk(files[0])
        trusting = ssl.create_default_context(cafile=str(files[0]))
        with httpx.Client(base_url=server.url, verify=trusting) as open_before:
            open_before.get("/")
            in_place_of(files, tmp_path)
            assert shown(port_of(server)) == on_disk(files[0]) != before
            assert open_before.get("/").text == "https"


def test_while_a_certificate_is_half_replaced_the_old_one_is_shown(
    files: Files, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    newer = make_certificate(tmp_path, "newer")
    with HttpServer("127.0.0.1", 0, Certificate(*files)) as server:
        server.start(scheme, lambda: None)
        before = on_disk(files[0])
        newer[0].replace(files[0])
        with caplog.at_level(logging.WARNING):
            assert [shown(port_of(server)) for _ in range(3)] == [before] * 3
        assert len([r for r in caplog.records if "stays as it was" in r.message]) == 1
        newer[1].replace(files[1])
        assert shown(port_of(server)) == on_disk(files[0])


def test_certificate_and_key_may_be_one_file(files: Files) -> None:
    files[0].write_bytes(files[0].read_bytes() + files[1].read_bytes())
    Certificate(files[0])


def test_what_cannot_be_used_is_said_at_the_start(files: Files, tmp_path: Path) -> None:
    certificate, key = files
    other = make_certificate(tmp_path, "other")
    locked = tmp_path / "locked.key"
    encrypt = ["openssl", "ec", "-aes128", "-passout", "pass:x", "-in", str(key)]
    subprocess.run([*encrypt, "-out", str(locked)], check=True, capture_output=True)
    for broken in [
        (tmp_path / "absent.pem", key),
        (certificate, tmp_path / "absent.key"),
        (key, key),
        (certificate, other[1]),
        (certificate, None),
        (certificate, locked),
    ]:
        with pytest.raises(InvalidConfig, match="--tls-key"):
            Certificate(*broken)
