"""What the documentation shows is what the project does: commands parse, links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Iterator, Tuple

import pytest

from runtime.cli.main import parser

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "demo" / "README.md", *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^(?:\S*/)?(?:runtime|torchrun .* -m runtime) (.*)$")
LINK = re.compile(r"\[[^\]]*\]\(([^)#]+)[^)]*\)")


def commands() -> Iterator[Tuple[str, str]]:
    """Every `runtime ...` line of every code block, and the page it is on."""
    for page in PAGES:
        for block in BLOCK.findall(page.read_text(encoding="utf-8")):
            for line in block.replace("\\\n", " ").splitlines():
                found = COMMAND.match(line.strip())
                if found:
                    yield page.name, found.group(1)


def links() -> Iterator[Tuple[str, Path]]:
    """Every link of every page that leads to a file of the project."""
    for page in PAGES:
        for target in LINK.findall(page.read_text(encoding="utf-8")):
            if "://" not in target:
                yield page.name, page.parent / target.strip()


@pytest.mark.parametrize(("page", "command"), sorted(set(commands())))
def test_command_is_understood(page: str, command: str) -> None:
    parser().parse_args(shlex.split(command, comments=True))


@pytest.mark.parametrize(("page", "target"), sorted(set(links())))
def test_link_leads_somewhere(page: str, target: Path) -> None:
    assert target.exists(), f"{page} links to {target.relative_to(ROOT)}, which is not there"


def test_there_is_something_to_check() -> None:
    assert len(list(commands())) > 10
    assert len(list(links())) > 10
