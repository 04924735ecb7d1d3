"""The live page in a real browser, against a real daemon."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Iterator, List
from urllib.parse import urlsplit

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Browser, Page, expect

from tests.engines import HEIGHT, WIDTH
from tests.serving.daemons import daemon, engine_folder, known_labels, painted

pytestmark = pytest.mark.browser

STREAM = {"id": "gate", "uri": f"synthetic:{WIDTH}x{HEIGHT}@10"}
# Chromium is told to leave the network alone; what the page itself asks for is watched below.
IMAGE_CHANGES = """() => {
    const image = document.getElementById('stream');
    const canvas = document.createElement('canvas');
    canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    const now = context.getImageData(0, 0, canvas.width, canvas.height).data.join();
    const before = window.before; window.before = now;
    return before !== undefined && before !== now;
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = engine_folder(tmp_path_factory.mktemp("engines") / "dark-or-bright")
    with daemon(folder, streams=[STREAM]) as running, running.serving() as client:
        yield str(client.base_url)


class Visit:
    """A page that was opened, what it asked for, and what it complained about."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.hosts: List[str] = []
        self.complaints: List[str] = []
        page.on("request", lambda request: self.hosts.append(urlsplit(request.url).netloc))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._hear)

    def _hear(self, message: object) -> None:
        if getattr(message, "type", "") in ("error", "warning"):
            self.complaints.append(getattr(message, "text", ""))


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Visit]:
    page = browser.new_page(viewport={"width": 1300, "height": 1200})
    visit = Visit(page)
    # A stream of images never finishes loading, so the document alone is waited for.
    page.goto(address, wait_until="domcontentloaded")
    yield visit
    page.close()


def wait_until(page: Page, condition: str) -> None:
    """Asks from outside: the page's Content-Security-Policy forbids what wait_for_function does."""
    deadline = time.monotonic() + 30
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        page.wait_for_timeout(300)


def test_stream_is_live(visit: Visit) -> None:
    page = visit.page
    wait_until(page, f"document.getElementById('stream').naturalWidth === {WIDTH}")
    wait_until(page, IMAGE_CHANGES)
    expect(page.locator("#stream-state")).to_have_text("running")
    expect(page.locator("#health")).to_have_text("ready")
    expect(page.locator(".plot b").first).to_have_text(re.compile(r"^\d+\.\d$"))
    assert visit.complaints == []


def test_page_talks_to_its_daemon_alone(visit: Visit, address: str) -> None:
    expect(visit.page.locator("#health")).to_have_text("ready")
    assert set(visit.hosts) == {urlsplit(address).netloc}


def test_engine_and_classes_are_named(visit: Visit) -> None:
    page = visit.page
    expect(page.locator("#engine-line")).to_contain_text("dark-or-bright · fp32 on fake")
    expect(page.locator("#legend li")).to_have_count(2)
    expect(page.locator("#legend")).to_contain_text("bright")
    # The shares of the newest mask follow with the first event.
    expect(page.locator("#legend")).to_contain_text("%")


def test_the_four_plots_stand_side_by_side(visit: Visit) -> None:
    expect(visit.page.locator(".plot")).to_have_count(4)
    tops = "() => [...document.querySelectorAll('.plot')].map((plot) => plot.offsetTop)"
    assert len(set(visit.page.evaluate(tops))) == 1


def test_opacity_asks_for_another_image(visit: Visit) -> None:
    page = visit.page
    wait_until(page, f"document.getElementById('stream').naturalWidth === {WIDTH}")
    with page.expect_request(re.compile(r"/streams/gate/mjpeg\?opacity=0$")):
        page.locator("#stream-opacity").fill("0")
        page.locator("#stream-opacity").dispatch_event("change")
    expect(page.locator("#stream-opacity-value")).to_have_text("0 %")
    wait_until(page, f"document.getElementById('stream').naturalWidth === {WIDTH}")


def test_dropped_image_is_segmented(visit: Visit, tmp_path: Path) -> None:
    image = tmp_path / "half.png"
    image.write_bytes(painted(known_labels()))
    page = visit.page
    expect(page.locator("#legend li")).to_have_count(2)
    page.set_input_files("#drop-file", str(image))
    expect(page.locator("#drop-note")).to_have_text(
        re.compile(rf"half\.png: {WIDTH} . {HEIGHT} in \d+ ms")
    )
    shares = [re.compile(rf"{name}.*50\.0 %", re.DOTALL) for name in ("dark", "bright")]
    expect(page.locator("#drop-shares li")).to_have_text(shares)
    expect(page.locator("#drop-times")).to_contain_text(re.compile(r"infer \d+\.\d ms"))
    canvas = page.locator("#drop-canvas")
    canvas.hover(position={"x": 0.75 * WIDTH, "y": 0.5 * HEIGHT})
    expect(page.locator("#drop-class")).to_have_text("bright")
    canvas.hover(position={"x": 0.25 * WIDTH, "y": 0.5 * HEIGHT})
    expect(page.locator("#drop-class")).to_have_text("dark")
    assert visit.complaints == []


def test_what_is_no_image_is_answered_with_the_reason(visit: Visit, tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not an image")
    page = visit.page
    expect(page.locator("#legend li")).to_have_count(2)
    page.set_input_files("#drop-file", str(text))
    expect(page.locator("#drop-note")).to_contain_text("JPEG, PNG or WebP")


def test_manual_lists_the_routes(browser: Browser, address: str) -> None:
    page = browser.new_page()
    page.goto(f"{address}/docs", wait_until="domcontentloaded")
    expect(page.locator("body")).to_contain_text("/segment")
    page.close()
