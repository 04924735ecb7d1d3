from __future__ import annotations

from pathlib import Path
from typing import List

import pytest

from runtime.cli.main import main, parser

pytest.importorskip("torch")

from runtime.builder.checkpoint import save_checkpoint
from tests.builder.networks import narrow, randomised


def models(*given: str) -> List[object]:
    found: List[object] = parser().parse_args(["profile", *given]).models
    return found


def test_a_model_can_be_given_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert models("half=runs/a/checkpoint.pt", "runs/b.pt") == [
        ("half", Path("runs/a/checkpoint.pt")),
        ("", Path("runs/b.pt")),
    ]
    monkeypatch.chdir(tmp_path)
    Path("ratio=0.5.pt").touch()
    assert models("ratio=0.5.pt") == [("", Path("ratio=0.5.pt"))]


def test_a_single_model_is_shown_by_its_name_and_nothing_is_claimed_of_pruning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_checkpoint(tmp_path / "full.pt", randomised(narrow(levels=1)), {})
    asked = ["--backend", "torch", "--size", "128x128", "--repetitions", "1"]
    assert main(["profile", f"mine={tmp_path / 'full.pt'}", *asked]) == 0
    shown = capsys.readouterr().out
    assert "| mine " in shown
    assert "| backbone of mine " in shown
    assert "pruned block" not in shown


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (["--size", "128"], "give rows and columns, such as 1024x2048"),
        (["--backend", "abacus"], "invalid choice: 'abacus'"),
        (["--precision", "int4"], "invalid choice: 'int4'"),
    ],
)
def test_a_mistake_in_the_arguments_is_explained(
    wrong: List[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["profile", "full.pt", *wrong])
    assert complaint in capsys.readouterr().err


def test_a_table_needs_a_folder_to_lie_in_and_a_checkpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = str(tmp_path / "absent" / "table.json")
    assert main(["profile", "full.pt", "--latency-table", table]) == 2
    assert "there is no folder" in capsys.readouterr().err
    assert main(["profile", str(tmp_path), "--latency-table", str(tmp_path / "t.json")]) == 2
    assert "is an engine folder, whose widths cannot be changed" in capsys.readouterr().err
