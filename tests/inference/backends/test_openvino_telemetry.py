"""Nothing of ours lets openvino tell its maker that it was imported."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Set

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent.parent
COMMAND = "from runtime.cli.main import main; main(['version'])"
STEP = """
from runtime.experiments.study.step_process import main
try:
    main(["no such folder"])
except FileNotFoundError:
    pass
"""


def imported_by(statements: str) -> Set[str]:
    """The modules that a new interpreter has after the statements."""
    script = f"import sys\n{statements}\nprint([n for n, m in sys.modules.items() if m])"
    # A step of a study ends as soon as its standard input does.
    kept_open, other_end = os.pipe()
    try:
        answer = subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            check=True,
            stdin=kept_open,
            stdout=subprocess.PIPE,
            text=True,
        )
    finally:
        os.close(kept_open)
        os.close(other_end)
    return set(ast.literal_eval(answer.stdout.splitlines()[-1]))


@pytest.mark.long
@pytest.mark.parametrize(
    ("needed", "first"),
    [("openvino", COMMAND), ("torch", STEP)],
    ids=["command", "step of a study"],
)
def test_openvino_finds_nothing_to_report_with(needed: str, first: str) -> None:
    pytest.importorskip(needed)
    imported = imported_by(f"{first}\nimport openvino")
    assert "openvino" in imported
    assert "openvino_telemetry" not in imported


@pytest.mark.long
def test_a_step_of_a_study_imports_openvino_when_it_begins() -> None:
    pytest.importorskip("torch")
    assert "openvino" not in imported_by("import runtime.experiments.study.step_process")
