from __future__ import annotations

import io
import json
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from runtime.builder.training.progress import LOG_NAME
from runtime.experiments.study.console import READ_AT_END, ConsoleAudience, training_told
from runtime.experiments.study.step import Step


def test_the_latest_whole_line_of_a_training_is_told(tmp_path: Path) -> None:
    assert training_told(tmp_path) == ""
    log = tmp_path / LOG_NAME
    log.write_text('{"step": 20, "loss": 4.56789}\n{"step": 40, "lo', encoding="utf-8")
    assert training_told(tmp_path) == "step 20  loss 4.568"


def test_a_line_longer_than_what_is_read_is_no_obstacle(tmp_path: Path) -> None:
    iou = {f"class {number}": 0.5 for number in range(READ_AT_END // 10)}
    line = json.dumps({"step": 60, "miou": 0.5, "iou": iou})
    (tmp_path / LOG_NAME).write_text(f"{line}\n", encoding="utf-8")
    assert training_told(tmp_path) == ""
    (tmp_path / LOG_NAME).write_text(f'{line}\n{{"step": 80, "loss": 1.0}}\n', encoding="utf-8")
    assert training_told(tmp_path) == "step 80  loss 1"


def test_reasons_are_shown_as_they_are(tmp_path: Path) -> None:
    shown = io.StringIO()
    console = Console(file=shown, width=40)
    audience = ConsoleAudience(console, Progress(console=console, disable=True), lambda: None)
    step = Step("plan-half", "plan", {})
    audience.started(step, tmp_path)
    audience.look()
    audience.failed(step, "there is no [file] x")
    assert "FAILED plan-half" in shown.getvalue()
    assert "there is no [file] x" in shown.getvalue()
    assert str(tmp_path) in shown.getvalue()
