from __future__ import annotations

from io import StringIO

from rich.console import Console

from runtime.builder.progress import ConsoleReporter


def test_steps_are_told_as_they_end_or_as_done_before() -> None:
    text = StringIO()
    reporter = ConsoleReporter(Console(file=text, width=80))
    with reporter.step("calibrate", parts=2) as advance:
        advance()
    reporter.skipped("export")
    assert "calibrate" in text.getvalue()
    assert "2/2" in text.getvalue()
    assert "done before" in text.getvalue().splitlines()[-1]
