from __future__ import annotations

from http.cookies import Morsel, SimpleCookie
from typing import Iterator

import httpx
import pytest
from starlette.requests import HTTPConnection

from runtime.serving.api.sign_in import cookie_name, welcome
from tests.serving.api.serving import Parts, Served, served
from tests.serving.tokens import TOKENS, asking


@pytest.fixture(scope="module")
def running() -> Iterator[Served]:
    with served(Parts(access=asking())) as at_work:
        yield at_work


def followed(running: Served, token: str) -> httpx.Response:
    return running.client.get("/", params={"token": token})


def cookie_of(answer: httpx.Response) -> Morsel[str]:
    (cookie,) = SimpleCookie(answer.headers["Set-Cookie"]).values()
    return cookie


def connection(scheme: str, host: str) -> HTTPConnection:
    return HTTPConnection({"type": "http", "scheme": scheme, "headers": [(b"host", host.encode())]})


def test_the_link_leads_to_an_address_without_the_token(running: Served) -> None:
    answer = followed(running, TOKENS["view"])
    assert (answer.status_code, answer.headers["Location"]) == (303, "/signed-in")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.content == b""


def test_the_cookie_is_for_this_daemon_s_own_pages_alone(running: Served) -> None:
    cookie = cookie_of(followed(running, TOKENS["view"]))
    assert cookie.key == f"swiftnet-token-{running.client.base_url.port}"
    assert cookie.value == TOKENS["view"]
    assert (cookie["httponly"], cookie["samesite"].lower()) == (True, "strict")
    assert (cookie["path"], cookie["secure"]) == ("/", "")


def test_the_cookie_lets_the_browser_in(running: Served) -> None:
    with httpx.Client(base_url=running.client.base_url, follow_redirects=True) as browser:
        arrived = browser.get("/", params={"token": TOKENS["view"]})
        assert arrived.url.path == "/signed-in"
        assert 'http-equiv="refresh" content="0; url=/"' in arrived.text
        assert browser.get("/").status_code == 200
        assert browser.get("/streams").status_code == 200


def test_a_link_with_an_old_token_sets_nothing(running: Served) -> None:
    answer = followed(running, "made-up")
    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers
    assert "made-up" not in answer.text


def test_where_nobody_is_asked_the_link_still_loses_its_token() -> None:
    with served() as running:
        answer = followed(running, TOKENS["view"])
        assert (answer.status_code, answer.headers["Location"]) == (303, "/signed-in")
        assert "Set-Cookie" not in answer.headers


def test_over_https_the_cookie_never_goes_over_http() -> None:
    answer = welcome(connection("https", "gate-camera"), "t")
    assert "secure" in answer.headers["Set-Cookie"].lower()


@pytest.mark.parametrize(
    ("scheme", "host", "port"),
    [
        ("http", "192.168.1.20:8080", "8080"),
        ("http", "gate-camera", "80"),
        ("https", "gate-camera", "443"),
        ("http", "[::1]:8081", "8081"),
        ("http", "[::1]", "80"),
    ],
)
def test_two_daemons_of_a_machine_have_two_cookies(scheme: str, host: str, port: str) -> None:
    assert cookie_name(connection(scheme, host)) == f"swiftnet-token-{port}"
