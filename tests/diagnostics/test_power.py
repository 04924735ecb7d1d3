from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from runtime.diagnostics.power import clocks, current, heat, power_mode
from runtime.diagnostics.probe import Surroundings
from tests.device.jetsons import heat_up, write_tree, write_xavier
from tests.diagnostics.verdicts import findings, only

GPU = "sys/class/devfreq/17000000.gv11b"


@pytest.fixture
def here(tmp_path: Path) -> Surroundings:
    return Surroundings(root=write_xavier(tmp_path))


def test_nothing_is_said_of_other_machines(tmp_path: Path) -> None:
    other = Surroundings(root=tmp_path)
    for check in (power_mode, clocks, heat, current):
        assert findings(check, other) == []


def test_the_fastest_power_mode_is_well_and_others_are_warned_of(here: Surroundings) -> None:
    assert only(power_mode, here).says == "MAXN"
    write_tree(here.root, {"var/lib/nvpmodel/status": "pmode:0002"})
    found = only(power_mode, here)
    assert found.says.startswith("15W ")
    assert "nvpmodel -m 0" in found.cure


def test_nvpmodel_is_asked_where_its_file_is_not_there(here: Surroundings) -> None:
    (here.root / "var/lib/nvpmodel/status").unlink()
    assert only(power_mode, here).verdict == "warning"
    asked = replace(here, output=lambda _: "NV Power Mode: MAXN\n0")
    assert only(power_mode, asked).verdict == "ok"


def test_clocks_that_follow_the_load_make_latency_vary(here: Surroundings) -> None:
    assert "jetson_clocks" in only(clocks, here).cure
    write_tree(here.root, {f"{GPU}/min_freq": 1377000000})
    assert only(clocks, here).says == "the GPU is held at 1377 MHz"


def test_a_power_mode_that_caps_the_gpu_is_told_in_figures(here: Surroundings) -> None:
    write_tree(here.root, {f"{GPU}/max_freq": 670000000, f"{GPU}/min_freq": 670000000})
    assert only(clocks, here).says == "the GPU may run at 670 of 1377 MHz"


@pytest.mark.parametrize(
    ("degrees", "verdict"), [(60.0, "ok"), (82.0, "warning"), (87.0, "warning")]
)
def test_heat_is_judged_by_the_zones_own_limit(
    here: Surroundings, degrees: float, verdict: str
) -> None:
    write_tree(here.root, {"sys/class/thermal/thermal_zone0/temp": int(degrees * 1000)})
    found = only(heat, here)
    assert found.verdict == verdict
    assert f"CPU-therm is {'the hottest part, ' if verdict == 'ok' else ''}at" in found.says


def test_being_slowed_down_is_a_problem(here: Surroundings) -> None:
    heat_up(here.root)
    assert only(heat, here).verdict == "problem"


def test_drawing_too_much_is_warned_of(here: Surroundings) -> None:
    assert only(current, here).says == "the board draws 14.3 W"
    write_tree(here.root, {"sys/class/hwmon/hwmon4/oc1_event_cnt": 3})
    assert "3 times" in only(current, here).says
