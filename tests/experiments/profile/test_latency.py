"""The arithmetic of a table, with networks whose milliseconds are their channels."""

from __future__ import annotations

from typing import Dict, List, Tuple

import pytest

from runtime.builder.pruning.dependencies import groups_of
from runtime.builder.pruning.groups import Group
from runtime.builder.pruning.latency import LatencyTable
from runtime.builder.swiftnet import Architecture
from runtime.experiments.profile import latency
from runtime.experiments.profile.latency import NOISE, measure_table, widths_to_measure
from tests.builder.networks import narrow

WHOLE = narrow()
SIZE = (128, 128)
CHANNELS: Dict[str, int] = {group.name: group.channels for group in groups_of(WHOLE)}


class Counted:
    """Takes a millisecond for each channel of the network."""

    backend = "counted"

    def __init__(self, architecture: Architecture, *_: object) -> None:
        self._channels = sum(group.channels for group in groups_of(architecture))

    def forward(self) -> float:
        return float(self._channels)


def counted(monkeypatch: pytest.MonkeyPatch, widths: List[Tuple[str, int]]) -> LatencyTable:
    monkeypatch.setattr(latency, "_timing", Counted)
    by_name: Dict[str, Group] = {group.name: group for group in groups_of(WHOLE)}
    chosen = [(by_name[name], width) for name, width in widths]
    return measure_table(WHOLE, SIZE, "fp32", chosen, 3, lambda: None)


def test_spreads_the_widths_and_asks_once_where_groups_share_one() -> None:
    widths: Dict[str, List[int]] = {}
    for group, width in widths_to_measure(WHOLE, 4, 2):
        widths.setdefault(group.name, []).append(width)
    assert widths["stage1"] == [4]  # of 8 channels; the whole width is known
    assert widths["stage2.block0"] == [4, 8]
    assert widths["stage4"] == [4, 12]  # 4, 8 and 12 are possible
    assert widths["decoder"] == [4, 8]
    assert "decoder.last" not in widths


def test_a_group_no_wider_than_the_alignment_is_left_out() -> None:
    assert widths_to_measure(WHOLE, 32, 4) == []


def test_saves_what_the_narrower_network_takes_less(monkeypatch: pytest.MonkeyPatch) -> None:
    table = counted(monkeypatch, [("stage2.block0", 8), ("stage2.block0", 4), ("stage4", 4)])
    assert table.whole_ms == sum(CHANNELS.values())
    assert table.saved_ms == {"stage2.block0": {4: 6.0, 8: 2.0}, "stage4": {4: 10.0}}
    assert list(table.saved_ms["stage2.block0"]) == [4, 8]
    assert table.predicted({"stage2.block0": 4, "stage4": 4}) == table.whole_ms - 16
    table.require_architecture(WHOLE)


def test_groups_of_one_width_become_narrower_together(monkeypatch: pytest.MonkeyPatch) -> None:
    table = counted(monkeypatch, [("decoder", 4)])
    assert CHANNELS["decoder"] == CHANNELS["decoder.last"] == 12
    assert table.saved_ms == {"decoder": {4: 16.0}}


def test_a_saving_as_small_as_noise_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1 / sum(CHANNELS.values()) < NOISE
    assert counted(monkeypatch, [("stage1", 7)]).saved_ms == {"stage1": {7: 0.0}}
