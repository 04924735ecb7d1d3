from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict

import pytest

from runtime.builder.pruning.make_plan import plan_from_checkpoint
from runtime.builder.pruning.plan import PruningPlan, plan_from_file, write_plan
from runtime.builder.pruning.request import PruningRequest
from runtime.errors import InvalidInput
from tests.builder.networks import narrow, randomised
from tests.builder.pruning.family import in_memory

PLAN = plan_from_checkpoint(
    in_memory(randomised(narrow())), PruningRequest(blocks=("1", "2"), alignment=1)
)


def edited(path: Path, **changes: Any) -> Path:
    """The plan's file with some of its values replaced."""
    plain: Dict[str, Any] = json.loads(PLAN.text)
    for place, value in changes.items():
        *outer, last = place.split("__")
        inner = plain
        for key in outer:
            inner = inner[key.replace("_", ".")]
        inner[last] = value
    path.write_text(json.dumps(plain), encoding="utf-8")
    return path


def test_comes_back_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    write_plan(path, PLAN)
    assert plan_from_file(path) == PLAN
    assert path.read_text(encoding="utf-8") == PLAN.text
    assert list(tmp_path.iterdir()) == [path]


def test_is_laid_out_for_diff() -> None:
    lines = PLAN.text.splitlines()
    assert json.loads(PLAN.text) == json.loads(json.dumps(json.loads(PLAN.text), sort_keys=True))
    kept = [line for line in lines if line.lstrip().startswith('"kept"')]
    assert len(kept) == len(PLAN.groups)
    other = plan_from_checkpoint(
        in_memory(randomised(narrow())), PruningRequest(blocks=("1", "2"), alignment=1, cap=0.8)
    )
    changed = [one for one, two in zip(lines, other.text.splitlines()) if one != two]
    assert [line.strip() for line in changed] == ['"cap": 0.9,']


def test_may_be_edited_where_it_stays_consistent(tmp_path: Path) -> None:
    kept = [0, 1, 2, 3]
    path = edited(tmp_path / "plan.json", groups__stage1_block0__kept=kept)
    plan = plan_from_file(path)
    assert plan.groups["stage1.block0"].kept == (0, 1, 2, 3)
    assert plan.sha256 != PLAN.sha256


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"groups__stage1_block0__kept": [0, 1, 2]}, "widths are not those of the kept channels"),
        ({"groups__stage1_block0__kept": [3, 2, 1, 0]}, "groups.stage1.block0: .* ascending"),
        ({"groups__stage1_block0__kept": [0, 1, 2, 8]}, "from 0 to 7"),
        ({"groups__stage1_block0__kept": []}, "at least one"),
        ({"groups__stage1_block0__scores": [1.0]}, "8 channels have 1 scores"),
        ({"groups__decoder__kept": [0, 1]}, "shares its width"),
        ({"features": 7}, "widths are not those"),
        ({"format_version": 2}, "format_version: Input should be 1"),
        ({"request__ratio": 2}, "share to remove is 2"),
        ({"architecture__encoder": "resnet34"}, "widths describe"),
        ({"groups": {}}, "not as in the network"),
    ],
)
def test_refuses_a_contradiction_in_a_sentence(
    tmp_path: Path, changes: Dict[str, Any], complaint: str
) -> None:
    path = edited(tmp_path / "plan.json", **changes)
    with pytest.raises(InvalidInput, match=rf"plan\.json is not a pruning plan: .*{complaint}"):
        plan_from_file(path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "recipe"}'])
def test_refuses_other_files(tmp_path: Path, text: str) -> None:
    (tmp_path / "other.json").write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput, match="not a pruning plan"):
        plan_from_file(tmp_path / "other.json")
    with pytest.raises(InvalidInput, match="absent"):
        plan_from_file(tmp_path / "absent.json")


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "plan.json"
    path.write_text("old", encoding="utf-8")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_plan(path, PLAN)
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_knows_what_is_left() -> None:
    assert PLAN.before == narrow()
    assert PLAN.after.widths.stages == (4, 5, 12, 14)
    assert isinstance(PLAN, PruningPlan)
