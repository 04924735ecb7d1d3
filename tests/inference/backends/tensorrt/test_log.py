from __future__ import annotations

from typing import Any, Dict

from runtime.inference.backends.tensorrt.log import LogTail, listening


class Severity:
    def __init__(self, name: str) -> None:
        self.name = name


class Module:
    """A module as far as its log goes."""

    class ILogger:
        pass


def tail_of(lines: Dict[str, str], limit: int = 200) -> LogTail:
    tail = LogTail(limit)
    for text, severity in lines.items():
        tail.add(severity, text)
    return tail


def test_problems_are_warnings_and_errors_and_the_text_has_the_news_too() -> None:
    tail = tail_of({"a": "INFO", "b": "WARNING", "c": "VERBOSE", "d": "ERROR"})
    assert tail.problems == ["b", "d"]
    assert tail.text == "INFO: a\nWARNING: b\nERROR: d"


def test_a_line_said_for_every_layer_takes_one_place_and_pushes_nothing_out() -> None:
    tail = LogTail(limit=2)
    tail.add("ERROR", "the cause")
    for _ in range(60):
        tail.add("WARNING", "converting scales\n")
    assert tail.problems == ["the cause", "converting scales"]
    assert tail.text.endswith("WARNING: converting scales (x60)")


def test_of_different_lines_the_last_are_kept() -> None:
    tail = tail_of({str(number): "ERROR" for number in range(10)}, limit=3)
    assert tail.problems == ["7", "8", "9"]


def test_one_logger_serves_all_builds_and_each_hears_its_own() -> None:
    module: Any = Module
    with listening(module) as (first_logger, first):
        first_logger.log(Severity("ERROR"), "in the first")  # type: ignore[attr-defined]
    with listening(module) as (second_logger, second):
        second_logger.log(Severity("ERROR"), "in the second")  # type: ignore[attr-defined]
    assert first_logger is second_logger
    assert first.problems == ["in the first"]
    assert second.problems == ["in the second"]
