from __future__ import annotations

import io

from rich.console import Console

from runtime.diagnostics.finding import ok, problem, warning
from runtime.diagnostics.text import page, summary

FINDINGS = (
    ok("GPU", "none"),
    warning("clocks", "the GPU may run at 670 of 1377 MHz", "Set the power mode"),
    problem("port", "127.0.0.1:8080 is taken by [something]", "Serve with --port " + "x" * 90),
)


def test_a_finding_is_a_line_with_its_cure_below() -> None:
    output = io.StringIO()
    Console(file=output, width=80).print(page(FINDINGS))
    lines = output.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["ok", "GPU", "none."]
    assert lines[1].split()[:2] == ["warning", "clocks"]
    assert lines[2].strip() == "Set the power mode."
    assert "[something]" in lines[3]
    assert lines[-1] == "1 ok, 1 warning, 1 problem"


def test_verdicts_are_counted() -> None:
    assert summary(()) == "0 ok, 0 warnings, 0 problems"
