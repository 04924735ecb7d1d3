from __future__ import annotations

import socket
from typing import Iterator

import pytest

from runtime.serving.host_names import HostNames, is_loopback, own_names


@pytest.fixture(autouse=True)
def _name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Xavier-7.lab.example.org")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:8080",
        "10.0.0.5:80",
        "[::1]",
        "[::1]:8080",
        "[fe80::1%25eth0]:8080",
        "localhost",
        "LocalHost:8080",
        "localhost.",
        "xavier-7",
        "xavier-7.local:8080",
        "Xavier-7.lab.example.org",
        "xavier-7.lab.example.org.:8080",
        "gate-camera:8080",
        "a.b.cameras.example.org",
    ],
)
def test_addresses_and_names_of_the_machine_and_of_the_settings_are_its_own(host: str) -> None:
    assert HostNames(["gate-camera", "*.cameras.example.org"]).accept(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "localhost.evil.example",
        "xavier-7.evil.example",
        "cameras.example.org",
        "evilcameras.example.org",
        "127.0.0.1.evil.example",
        "127.0.0.1:8080:80",
        "[::1",
        "::1",
        "[evil.example]",
        "localhost:8080@evil.example",
        "localhost/evil",
        "localhost evil.example",
        "0x7f.1",
        "2130706433",
        f"{'a.' * 200}cameras.example.org",
    ],
)
def test_every_other_name_is_foreign(host: str) -> None:
    assert not HostNames(["gate-camera", "*.cameras.example.org"]).accept(host)


def test_a_machine_without_a_name_has_localhost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "")
    assert own_names() == {"localhost"}
    assert not HostNames().accept("")


def test_nobody_is_asked_for_the_names(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(*_: object) -> Iterator[None]:
        raise AssertionError("a look-up")

    for name in ("getfqdn", "gethostbyname", "getaddrinfo"):
        monkeypatch.setattr(socket, name, ask)
    assert HostNames().accept("xavier-7")


@pytest.mark.parametrize(
    ("address", "alone"),
    [("127.0.0.1", True), ("127.0.0.2", True), ("::1", True), ("0.0.0.0", False), ("::", False)],  # noqa: S104
)
def test_what_this_machine_alone_can_reach(address: str, alone: bool) -> None:
    assert is_loopback(address) == alone
