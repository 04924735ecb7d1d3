"""File trees of Jetsons, as far as the runtime reads them; made of documented names and values."""

from __future__ import annotations

from pathlib import Path
from typing import Dict

BOARD = "NVIDIA Jetson AGX Xavier Developer Kit"
ZONES = {
    "CPU-therm": (45500, {"active": 35000, "passive": 86000, "critical": 97000}),
    "GPU-therm": (47250, {"passive": 88000}),
    "PMIC-Die": (100000, {}),
}
COOLERS = {"pwm-fan": 2, "thermal-cpufreq-0": 0, "17000000.gv11b": 0}
RAILS = {
    "1-0040": {"GPU": (19040, 500), "CPU": (19040, 250), "NC": (19000, 9000)},
    "1-0041": {"CV": (19040, 0)},
}


def write_tree(root: Path, files: Dict[str, object]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n", encoding="utf-8")
    return root


def write_xavier(root: Path) -> Path:
    """A Jetson AGX Xavier with JetPack 5.1.2 in MAXN that is neither hot nor busy."""
    return write_tree(
        root,
        {
            "etc/nv_tegra_release": "# R35 (release), REVISION: 4.1, GCID: 33958178",
            "proc/device-tree/model": f"{BOARD}\0",
            "var/lib/nvpmodel/status": "pmode:0000",
            "etc/nvpmodel.conf": "< POWER_MODEL ID=0 NAME=MAXN >\n< POWER_MODEL ID=2 NAME=15W >",
            "sys/class/devfreq/15340000.vic/cur_freq": 115200000,
            "sys/class/devfreq/17000000.gv11b/cur_freq": 114750000,
            "sys/class/devfreq/17000000.gv11b/max_freq": 1377000000,
            "sys/class/devfreq/17000000.gv11b/min_freq": 114750000,
            "sys/class/devfreq/17000000.gv11b/available_frequencies": "114750000 1377000000",
            "sys/devices/gpu.0/load": 125,
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": 2265600,
            **_zones(),
            **_coolers(),
            **_rails(),
        },
    )


def heat_up(root: Path) -> None:
    """The processor slows down at 87 degrees."""
    write_tree(
        root,
        {
            "sys/class/thermal/thermal_zone0/temp": 87000,
            "sys/class/thermal/cooling_device1/cur_state": 3,
        },
    )


def _zones() -> Dict[str, object]:
    files: Dict[str, object] = {}
    for number, (name, (temperature, trips)) in enumerate(ZONES.items()):
        zone = f"sys/class/thermal/thermal_zone{number}"
        files[f"{zone}/type"], files[f"{zone}/temp"] = name, temperature
        for trip, (kind, limit) in enumerate(trips.items()):
            files[f"{zone}/trip_point_{trip}_type"] = kind
            files[f"{zone}/trip_point_{trip}_temp"] = limit
    return files


def _coolers() -> Dict[str, object]:
    files: Dict[str, object] = {}
    for number, (name, state) in enumerate(COOLERS.items()):
        files[f"sys/class/thermal/cooling_device{number}/type"] = name
        files[f"sys/class/thermal/cooling_device{number}/cur_state"] = state
    return files


def _rails() -> Dict[str, object]:
    files: Dict[str, object] = {"sys/bus/i2c/devices/2-0050/name": "24c02"}
    for address, rails in RAILS.items():
        device = f"sys/bus/i2c/devices/{address}"
        monitor = f"{device}/hwmon/hwmon{address[-1]}"
        files[f"{device}/name"] = "ina3221x"
        for channel, (label, (volts, amperes)) in enumerate(rails.items(), start=1):
            files[f"{monitor}/in{channel}_label"] = label
            files[f"{monitor}/in{channel}_input"] = volts
            files[f"{monitor}/curr{channel}_input"] = amperes
        files[f"{monitor}/in7_label"] = "sum of shunt voltages"
    return files
