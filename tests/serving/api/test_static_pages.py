from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Dict, Iterator, List, Optional, Tuple

import pytest

from runtime.serving.api.static_pages import WEB
from tests.serving.api.serving import Served, served


@pytest.fixture(scope="module")
def running() -> Iterator[Served]:
    with served() as at_work:
        yield at_work


class Links(HTMLParser):
    """Everything that a page fetches or links to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: List[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: List[Tuple[str, Optional[str]]]) -> None:
        values: Dict[str, Optional[str]] = dict(attrs)
        self.found += [link for link in (values.get("src"), values.get("href")) if link]


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_a_page_links_to_nothing_but_this_daemon_and_all_of_it_is_there(
    running: Served, path: str
) -> None:
    page = running.client.get(path)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    links = Links(page.text).found
    assert links
    for link in links:
        assert link.startswith("/")
        assert running.client.get(link).status_code == 200


@pytest.mark.parametrize("name", sorted(path.name for path in WEB.iterdir()))
def test_every_file_of_the_live_page_is_served_as_it_is(running: Served, name: str) -> None:
    answer = running.client.get(f"/web/{name}")
    assert answer.content == (WEB / name).read_bytes()
    assert "octet-stream" not in answer.headers["Content-Type"]


def test_scripts_import_only_files_that_are_there(running: Served) -> None:
    for path in WEB.glob("*.js"):
        for imported in re.findall(r'from "([^"]+)"', path.read_text(encoding="utf-8")):
            assert running.client.get(imported).status_code == 200


@pytest.mark.parametrize("path", ["/web/../pages.py", "/web/%2e%2e%2fcli.py", "/web/", "/web"])
def test_no_other_file_can_be_had(running: Served, path: str) -> None:
    assert running.client.get(path).status_code == 404


def test_the_browser_is_told_to_fetch_nothing_from_elsewhere(running: Served) -> None:
    policy = running.client.get("/").headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self';")
