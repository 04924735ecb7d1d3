from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_a_device_that_only_builds_plans_needs_neither_torch_nor_onnx() -> None:
    question = (
        "import sys; from runtime.builder.commands.build_engine import build_plans_command; "
        "print([name for name in ('torch', 'onnx', 'matplotlib') if name in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", question], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    assert answer.stdout.strip() == "[]"
