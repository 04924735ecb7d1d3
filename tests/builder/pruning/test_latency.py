from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest

from runtime.builder.checkpoint import load_checkpoint
from runtime.builder.pruning.dependencies import groups_of
from runtime.builder.pruning.latency import (
    LatencyTable,
    latency_table_from_file,
    leaders_of,
    widths_within,
    write_latency_table,
)
from runtime.builder.pruning.plan import plan_from_file
from runtime.builder.swiftnet import Architecture
from runtime.cli.main import main
from runtime.errors import InvalidInput
from tests.builder.networks import narrow
from tests.builder.pruning.family import on_disk

SMALL = narrow()
SMALL_CHANNELS = {group.name: group.channels for group in groups_of(SMALL)}


def table(architecture: Architecture = SMALL, **changes: Any) -> LatencyTable:
    """Each channel that a group loses saves a tenth of a millisecond, in the first stage two."""
    saved: Dict[str, Dict[int, float]] = {}
    for group in leaders_of(groups_of(architecture)):
        each = 0.2 if group.name.startswith("stage1") else 0.1
        widths = range(2, group.channels, 2)
        saved[group.name] = {w: round(each * (group.channels - w), 4) for w in widths}
    said = {
        "machine": "a test",
        "backend": "openvino fp32",
        "size": (128, 128),
        "architecture": architecture.to_dict(),
        "whole_ms": 20.0,
        "saved_ms": saved,
    }
    return LatencyTable(**{**said, **changes})


def widths(budget: float, blocks: int = 4) -> Dict[str, int]:
    groups = [g for g in groups_of(SMALL) if g.block is not None and g.block <= blocks]
    scores = {group.name: np.linspace(0.5, 1.5, group.channels) for group in groups}
    allowed = {group.name: range(2, group.channels + 1) for group in groups}
    return widths_within(budget, table(), groups, scores, allowed)


def test_reads_what_it_wrote(tmp_path: Path) -> None:
    write_latency_table(tmp_path / "table.json", table())
    read = latency_table_from_file(tmp_path / "table.json")
    assert read == table()
    assert read.sha256 == table().sha256


def test_meets_the_budget_with_widths_that_were_measured() -> None:
    found = widths(18.5)
    assert table().predicted(found) <= 18.5
    assert all(w in table().saved_ms[n] or w == SMALL_CHANNELS[n] for n, w in found.items())


def test_takes_from_where_a_millisecond_costs_least() -> None:
    # Channels of the first stage save twice as much as others of the same importance.
    found = widths(19.2)
    narrower = [name for name, width in found.items() if width < SMALL_CHANNELS[name]]
    assert narrower
    assert all(name.startswith("stage1") for name in narrower)


def test_says_the_least_that_can_be_reached() -> None:
    # 8 channels twice inside and once along the first stage; 2 of each stay.
    with pytest.raises(InvalidInput, match=r"10 ms is out of reach: .* take 16\.40 of 20\.00 ms"):
        widths(10.0, blocks=1)


def test_says_when_there_is_nothing_to_do() -> None:
    with pytest.raises(InvalidInput, match=r"25 ms is no less than the whole network's 20\.00 ms"):
        widths(25.0)


@pytest.mark.parametrize("content", ["", "[]", '{"format": "something else"}'])
def test_refuses_what_is_no_table(tmp_path: Path, content: str) -> None:
    (tmp_path / "table.json").write_text(content)
    with pytest.raises(InvalidInput, match="is not a latency table"):
        latency_table_from_file(tmp_path / "table.json")


class TestCommand:
    @pytest.fixture
    def source(self, tmp_path: Path) -> Path:
        on_disk(tmp_path / "full.pt")
        write_latency_table(tmp_path / "table.json", table())
        return tmp_path / "full.pt"

    def asked(self, source: Path, budget: str) -> int:
        allocation = ["--allocation", "latency", "--budget-ms", budget]
        given = ["--latency-table", str(source.with_name("table.json")), "--blocks", "1,2,3,4"]
        plain = ["--align", "1", "--size", "128x128", "--out", str(source.with_name("out.pt"))]
        return main(["prune", str(source), *allocation, *given, *plain])

    def test_prunes_to_a_budget(self, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert self.asked(source, "18") == 0
        plan = plan_from_file(source.with_name("out.plan.json"))
        assert plan.latency is not None
        assert plan.latency.predicted_ms <= 18
        assert plan.latency.table_sha256 == table().sha256
        assert load_checkpoint(source.with_name("out.pt")).architecture == plan.after
        assert "20.00 ms -> " in capsys.readouterr().out

    def test_flags_a_plan_that_saves_nothing_once_padded(
        self, source: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        # All widths are below 32, so INT8 kernels pad them to what they were padded to before.
        assert self.asked(source, "18") == 0
        assert "the padded cost does not fall" in capsys.readouterr().out

    def test_refuses_the_table_of_another_network(
        self, source: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_latency_table(source.with_name("table.json"), table(narrow("resnet34")))
        assert self.asked(source, "18") == 2
        assert "another geometry" in capsys.readouterr().err
        assert not source.with_name("out.pt").exists()

    def test_needs_a_budget_and_a_table(
        self, source: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = ["--out", str(source.with_name("out.pt")), "--blocks", "1"]
        assert main(["prune", str(source), "--allocation", "latency", *out]) == 2
        assert main(["prune", str(source), "--allocation", "latency", "--budget-ms", "9", *out])
        said = capsys.readouterr().err.splitlines()
        assert len(said) == 2
        assert all("belong together" in line for line in said)

    def test_plans_without_a_budget_are_as_they_were(self, source: Path) -> None:
        out = ["--out", str(source.with_name("plan.json")), "--plan-only"]
        asked = ["--blocks", "1", "--align", "1", "--size", "128x128"]
        assert main(["prune", str(source), *out, *asked]) == 0
        written = json.loads(source.with_name("plan.json").read_text(encoding="utf-8"))
        assert "latency" not in written
        assert "budget_ms" not in written["request"]
