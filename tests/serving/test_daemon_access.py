"""Whole daemons where others can reach them: 0.0.0.0, asked at loopback addresses."""

from __future__ import annotations

import signal
import ssl
from pathlib import Path
from typing import Any, Dict

import httpx
import pytest

from runtime.serving.state_directory import StateDirectory
from runtime.serving.tokens import new_token
from tests.serving.certificates import make_certificate
from tests.serving.daemons import DaemonProcess, daemon, engine_folder
from tests.serving.tokens import bearer

EVERYWHERE = "0.0.0.0"  # noqa: S104 - which is what is tested


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return engine_folder(tmp_path_factory.mktemp("engines") / "dark-or-bright")


def link_of(running: DaemonProcess) -> str:
    """Reads the log up to the link that the first start shows."""
    return running.until(r"(http\S+/\?token=\S+)")


def status(client: httpx.Client, headers: Dict[str, str], path: str = "/engine") -> int:
    return client.get(path, headers=headers).status_code


def test_on_loopback_alone_nothing_is_needed_and_nothing_is_kept(
    engine: Path, tmp_path: Path
) -> None:
    with daemon(engine, state_dir=str(tmp_path / "state")) as running, running.serving() as client:
        assert status(client, {}) == 200
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("host", [EVERYWHERE, "127.0.0.1"])
def test_elsewhere_everybody_is_asked_the_machine_itself_too(
    engine: Path, tmp_path: Path, host: str
) -> None:
    """On 127.0.0.1 where that is what the settings say, as behind a proxy."""
    auth = "auto" if host == EVERYWHERE else "token"
    settings = {"host": host, "auth": auth, "state_dir": str(tmp_path)}
    with daemon(engine, **settings) as running, running.serving() as client:
        token = link_of(running).partition("token=")[2]
        assert status(client, {}) == 401
        assert status(client, bearer(token)) == 200
        assert [status(client, {}, path) for path in ("/livez", "/readyz")] == [200, 200]
        assert status(client, {}, "/metrics") == 401
        if host == EVERYWHERE:
            elsewhere = f"http://127.0.0.2:{client.base_url.port}/engine"
            assert httpx.get(elsewhere).status_code == 401
            assert httpx.get(elsewhere, headers=bearer(token)).status_code == 200


def test_the_token_of_the_first_start_outlives_it_as_a_hash_alone(
    engine: Path, tmp_path: Path
) -> None:
    settings: Dict[str, Any] = {"host": EVERYWHERE, "state_dir": str(tmp_path / "state")}
    with daemon(engine, **settings) as first, first.serving() as client:
        link = link_of(first)
        token = link.partition("token=")[2]
        assert httpx.get(link).headers["Location"] == "/signed-in"
        assert status(client, bearer("hunter2")) == 401
        first.tell(signal.SIGTERM)
        assert first.ended() == 0
    assert "".join(first.log).count(token) == 1
    for path in (tmp_path / "state").iterdir():
        assert token not in path.read_text(encoding="utf-8")
    with daemon(engine, **settings) as second, second.serving() as client:
        second.until("those that let in: first-start")
        assert status(client, bearer(token)) == 200
        assert status(client, {}) == 401
        second.tell(signal.SIGTERM)
        assert second.ended() == 0
    assert "token=" not in "".join(second.log)


def test_a_token_is_replaced_without_a_restart(engine: Path, tmp_path: Path) -> None:
    old, old_hash = new_token("gate", ["view"])
    new, new_hash = new_token("gate", ["view"])
    state = StateDirectory(tmp_path)
    state.keep(old_hash)
    settings = {"host": EVERYWHERE, "state_dir": str(tmp_path)}
    with daemon(engine, **settings) as running, running.serving() as client:
        assert (status(client, bearer(old)), status(client, bearer(new))) == (200, 401)
        state.keep(new_hash)
        assert (status(client, bearer(old)), status(client, bearer(new))) == (401, 200)
        state.token_file.write_text("half a line", encoding="utf-8")
        assert (status(client, bearer(old)), status(client, bearer(new))) == (401, 200)


def test_auth_none_is_warned_of(engine: Path, tmp_path: Path) -> None:
    with daemon(engine, host=EVERYWHERE, auth="none", state_dir=str(tmp_path)) as running:
        running.until(r"WARNING .* auth is none: whoever reaches 0\.0\.0\.0")
        with running.serving() as client:
            assert status(client, {}) == 200


def test_without_a_place_for_the_token_it_ends_before_it_loads(
    engine: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    with daemon(engine, host=EVERYWHERE, state_dir=str(tmp_path / "file")) as running:
        assert running.until("FAULT (.*)").startswith("the state directory")
        assert running.ended() == 1


@pytest.mark.openssl
def test_it_speaks_https_and_shows_the_link_with_it(engine: Path, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    files = {"tls_certificate": str(certificate), "tls_key": str(key)}
    with daemon(engine, host=EVERYWHERE, state_dir=str(tmp_path / "s"), **files) as running:
        link = link_of(running)
        assert link.startswith("https://127.0.0.1:")
        trusting = ssl.create_default_context(cafile=str(certificate))
        answer = httpx.get(link, verify=trusting)
    assert "secure" in answer.headers["Set-Cookie"].lower()
