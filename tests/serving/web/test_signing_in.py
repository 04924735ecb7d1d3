"""The way in through a real browser: the link, the cookie, and what foreign pages do not get."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.engines import WIDTH
from tests.serving.daemons import daemon, engine_folder, known_labels, painted
from tests.serving.web.test_live_page import STREAM, wait_until

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def link(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What a first start shows."""
    folder = engine_folder(tmp_path_factory.mktemp("engines") / "dark-or-bright")
    state = str(tmp_path_factory.mktemp("state") / "swiftnet")
    settings: Dict[str, Any] = {"host": "0.0.0.0", "state_dir": state, "streams": [STREAM]}  # noqa: S104
    with daemon(folder, **settings) as running, running.serving():
        yield running.until(r"(http\S+/\?token=\S+)")


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context(viewport={"width": 1300, "height": 1200}) as fresh:
        yield fresh


def address_of(link: str) -> str:
    return link.partition("/?")[0]


def expect_live_page(page: Page, address: str) -> None:
    page.wait_for_url(f"{address}/", wait_until="domcontentloaded")
    expect(page.locator("#health")).to_have_text("ready")
    wait_until(page, f"document.getElementById('stream').naturalWidth === {WIDTH}")
    expect(page.locator("#stream-state")).to_have_text("running")


@contextmanager
def page_of_somebody_else(body: str) -> Iterator[str]:
    """A page at localhost, which to browsers is another site than 127.0.0.1."""

    class Stranger(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(f"<!doctype html><body>{body}</body>".encode())

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Stranger) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://localhost:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def test_the_link_leads_to_a_live_page_without_the_token(
    context: BrowserContext, link: str, tmp_path: Path
) -> None:
    page = context.new_page()
    complaints: List[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(link, wait_until="domcontentloaded")
    expect_live_page(page, address_of(link))
    image = tmp_path / "half.png"
    image.write_bytes(painted(known_labels()))
    page.set_input_files("#drop-file", str(image))
    expect(page.locator("#drop-note")).to_contain_text("half.png: ")
    assert complaints == []
    assert page.evaluate("document.cookie") == ""
    assert page.evaluate("document.referrer") == ""
    page.goto(f"{address_of(link)}/docs", wait_until="domcontentloaded")
    expect(page.locator("body")).to_contain_text("/segment")
    assert complaints == []


def test_a_link_on_somebody_else_s_page_works_as_well(context: BrowserContext, link: str) -> None:
    page = context.new_page()
    with page_of_somebody_else(f"<a href='{link}'>the cameras</a>") as there:
        page.goto(there)
        page.get_by_text("the cameras").click()
        expect_live_page(page, address_of(link))


def test_without_the_link_there_is_a_sentence_only(context: BrowserContext, link: str) -> None:
    page = context.new_page()
    answer = page.goto(f"{address_of(link)}/")
    assert answer is not None
    assert answer.status == 401
    expect(page.locator("body")).to_contain_text("this daemon asks for a token")


def test_a_page_of_somebody_else_gets_nothing_with_the_visitor_s_cookie(
    context: BrowserContext, link: str
) -> None:
    address = address_of(link)
    page = context.new_page()
    page.goto(link, wait_until="domcontentloaded")
    expect_live_page(page, address)
    with page_of_somebody_else(f"<img id=stolen src='{address}/streams/gate/overlay'>") as there:
        page.goto(there)
        reached = page.evaluate(
            """async (address) => {
                const asked = {mode: 'no-cors', credentials: 'include', method: 'POST', body: 'x'};
                await fetch(`${address}/segment`, asked).catch(() => null);
                const read = await fetch(`${address}/streams`, {credentials: 'include'})
                    .catch(() => null);
                return [read === null, document.getElementById('stolen').naturalWidth];
            }""",
            address,
        )
        assert reached == [True, 0]
        frame = f"<iframe id=framed src='{address}/'></iframe>"
    with page_of_somebody_else(frame) as there:
        page.goto(there)
        framed = page.frames[-1]
        assert "SwiftNet" not in framed.content()
