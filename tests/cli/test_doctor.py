from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from runtime.cli.main import FAILED, main


def test_a_problem_makes_it_fail(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        number = str(other.getsockname()[1])
        assert main(["doctor", "--port", number]) == FAILED
    told = capsys.readouterr()
    assert f"127.0.0.1:{number} cannot be listened at" in " ".join(told.out.split())
    assert "problem" in told.err


def test_findings_are_printed_for_programs_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", str(tmp_path), "--json", "--port", "0"]) == FAILED
    found = json.loads(capsys.readouterr().out)
    assert {"subject", "verdict", "says", "cure"} == set(found[0])
    assert [f["subject"] for f in found if f["verdict"] == "problem"] == ["engine"]
