from __future__ import annotations

import io
import sys

import pytest
from rich.progress import Progress
from rich.table import Table

from runtime.cli.main import main
from runtime.console import error_console, output_console, text_column
from runtime.names import shown
from tests.awkward_names import STEMS


@pytest.mark.parametrize("name", [*STEMS, "[/x]", "a [/bold] b"])
def test_a_line_a_table_and_its_title_keep_every_bracket(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table = Table(title=f"title {shown(name)}", box=None)
    table.add_column(f"heading {shown(name)}", no_wrap=True)
    table.add_row(f"cell {shown(name)}")
    output_console().print(f"line {shown(name)}", soft_wrap=True)
    output_console().print(table)
    printed = capsys.readouterr().out
    for place in ("line", "title", "heading", "cell"):
        assert f"{place} {shown(name)}" in printed


@pytest.mark.parametrize("name", [*STEMS, "[/x]", "a [/bold] b"])
def test_a_progress_display_keeps_every_bracket(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Progress(text_column("{task.description}"), console=error_console()) as bar:
        bar.add_task(shown(name), total=1)
    assert shown(name) in capsys.readouterr().err


def test_results_and_progress_go_to_their_own_streams(capsys: pytest.CaptureFixture[str]) -> None:
    output_console().print("result")
    error_console().print("remark")
    assert capsys.readouterr() == ("result\n", "remark\n")


def test_standard_output_that_takes_no_more_than_ascii_takes_every_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, "ascii", line_buffering=True))
    assert main(["version"]) == 0
    sys.stdout.write("Straße\n")
    assert written.getvalue().endswith(b"Stra\\xdfe\n")
