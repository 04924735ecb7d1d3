from __future__ import annotations

from pathlib import Path

import pytest

from runtime.device.jetson import Jetson, Readings, jetson_here
from tests.device.jetsons import heat_up, write_tree, write_xavier


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_xavier(tmp_path)


def test_temperatures_are_those_of_real_sensors(root: Path) -> None:
    readings = Jetson(root).readings()
    assert readings.temperatures == {"CPU-therm": 45.5, "GPU-therm": 47.25}
    assert readings.limits == {"CPU-therm": 86, "GPU-therm": 88}


def test_power_is_volts_times_amperes_of_each_connected_rail(root: Path) -> None:
    readings = Jetson(root).readings()
    assert readings.power == pytest.approx({"GPU": 9.52, "CPU": 4.76, "CV": 0.0})
    assert readings.total_power == pytest.approx(14.28)


def test_a_board_that_measures_its_whole_input_is_believed(root: Path) -> None:
    write_tree(root, {"sys/bus/i2c/devices/1-0041/hwmon/hwmon1/in1_label": "VDD_IN"})
    write_tree(root, {"sys/bus/i2c/devices/1-0041/hwmon/hwmon1/curr1_input": 1000})
    assert Jetson(root).readings().total_power == pytest.approx(19.04)


def test_clocks_are_in_hertz_and_the_load_is_a_share(root: Path) -> None:
    readings = Jetson(root).readings()
    assert (readings.gpu_clock, readings.gpu_clock_limit) == (114.75e6, 1377e6)
    assert (readings.gpu_clock_best, readings.gpu_clock_floor) == (1377e6, 114.75e6)
    assert readings.gpu_load == 0.125
    assert readings.cpu_clocks == {"cpu0": 2265.6e6}
    assert readings.power_mode == "MAXN"


def test_orins_gpu_is_found_under_its_own_name_and_load(root: Path) -> None:
    (root / "sys/devices/gpu.0/load").unlink()
    (root / "sys/class/devfreq/17000000.gv11b").rename(root / "sys/class/devfreq/17000000.ga10b")
    write_tree(root, {"sys/class/devfreq/17000000.ga10b/device/load": 990})
    readings = Jetson(root).readings()
    assert (readings.gpu_clock, readings.gpu_load) == (114.75e6, 0.99)


def test_heat_that_slows_it_down_is_told_and_a_fan_is_not(root: Path) -> None:
    jetson = Jetson(root)
    assert jetson.readings().throttling is None
    heat_up(root)
    assert jetson.readings().throttling == (
        "slowed down by heat (thermal-cpufreq-0; CPU-therm is at 87 °C)"
    )


def test_overcurrent_is_counted_where_the_board_counts_it(root: Path) -> None:
    assert Jetson(root).readings().overcurrent_events is None
    write_tree(root, {f"sys/class/hwmon/hwmon4/oc{n}_event_cnt": n for n in (1, 3)})
    assert Jetson(root).readings().overcurrent_events == 4


def test_a_sensor_of_a_part_that_is_switched_off_is_absent(root: Path) -> None:
    zone = root / "sys/class/thermal/thermal_zone1/temp"
    zone.unlink()
    # Reading it fails, as a sensor's file does while its part of the chip has no power.
    zone.mkdir()
    assert set(Jetson(root).readings().temperatures) == {"CPU-therm"}


def test_nothing_is_invented_where_nothing_is_told(tmp_path: Path) -> None:
    assert Jetson(tmp_path).readings() == Readings()
    assert Readings().total_power is None


def test_an_unnamed_power_mode_is_its_number(root: Path) -> None:
    write_tree(root, {"var/lib/nvpmodel/status": "pmode:0007"})
    assert Jetson(root).readings().power_mode == "7"


def test_only_a_jetson_is_one(root: Path, tmp_path: Path) -> None:
    assert jetson_here(root) is not None
    assert jetson_here(tmp_path / "elsewhere") is None
