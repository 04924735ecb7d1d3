from __future__ import annotations

import json
from pathlib import Path

import pytest

from runtime.cli.main import NOT_AS_ASKED, main
from tests.folders import build, write_engine


def test_it_prints_a_page_or_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_engine(tmp_path, [build("model.int8.onnx")])
    assert main(["inspect", str(tmp_path), "--verify"]) == 0
    assert "verified" in capsys.readouterr().out
    assert main(["inspect", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["manifest"]["name"] == "street"


def test_a_broken_engine_is_shown_and_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_engine(tmp_path, [build("model.int8.onnx")])
    (tmp_path / "model.int8.onnx").write_bytes(b"an artifact")
    assert main(["inspect", str(tmp_path), "--verify"]) == NOT_AS_ASKED
    told = capsys.readouterr()
    assert "broken" in told.out
    assert "changed or damaged" in told.err
