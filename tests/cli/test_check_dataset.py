from __future__ import annotations

import json
from pathlib import Path

import pytest

from runtime.cli.main import main
from tests.builder.scenes import write_dataset


def test_what_a_dataset_holds_is_shown_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    folder = write_dataset(tmp_path / "scenes")
    (folder / "train/images/.DS_Store").touch()

    assert main(["check-dataset", str(folder), "--out", str(tmp_path / "out")]) == 0

    told = capsys.readouterr()
    assert "road" in told.out
    assert "warning: 1 hidden file in" in told.err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"check.json", "examples.png"}
    assert json.loads((tmp_path / "out/check.json").read_text(encoding="utf-8"))["wrong"] == []


def test_all_that_is_wrong_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_dataset(tmp_path / "scenes")
    for name in ("even_000", "odd_001"):
        (folder / "train" / "images" / f"{name}.png").write_bytes(b"")

    assert main(["check-dataset", str(folder)]) == 2

    told = capsys.readouterr().err
    assert "even_000.png" in told
    assert "odd_001.png" in told
