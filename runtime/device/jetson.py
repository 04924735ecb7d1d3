"""A Jetson's power, temperatures, clocks and what holds it back, read from the kernel's files.

Files are found by what they call themselves, since numbers and addresses differ between boards and
releases; what a board has not is absent, never zero. A reading costs some dozens of small reads, so
it belongs to whoever asks now and then, and not into the path of a frame.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Iterator, List, Mapping, Optional, Tuple

from runtime.device.machine import jetson_release

THERMAL = "sys/class/thermal"
I2C = "sys/bus/i2c/devices"
DEVFREQ = "sys/class/devfreq"
HWMON = "sys/class/hwmon"
CPU = "sys/devices/system/cpu"
POWER_MODE = "var/lib/nvpmodel/status"
POWER_MODES = "etc/nvpmodel.conf"
# Of the boards' GPUs by their generation: Volta, Ampere, Pascal, and Maxwell's and later names.
_GPU = re.compile(r"\.(gv11b|ga10b|gp10b|gpu)$")
_GPU_LOADS = ("sys/devices/gpu.0/load", "sys/devices/platform/gpu.0/load")
# A sensor that always says the same, whatever the chip's temperature.
_NO_SENSOR = re.compile(r"PMIC", re.IGNORECASE)
# The power monitor has three channels; the sum of them, which it calls a seventh, is no rail.
_CHANNELS = (1, 2, 3)
_WHOLE_MODULE = "VDD_IN"


@dataclass(frozen=True)
class Readings:
    """What a Jetson says of itself at one moment.

    Attributes:
        temperatures: degrees Celsius by thermal zone.
        limits: degrees Celsius by thermal zone at which it is first slowed down.
        power: watts by rail.
        gpu_load: share of the time that the GPU is busy, 0 to 1.
        gpu_clock: hertz.
        gpu_clock_limit: hertz that the power mode allows.
        gpu_clock_best: hertz that the GPU can do.
        gpu_clock_floor: hertz below which it is not let, equal to the limit after `jetson_clocks`.
        cpu_clocks: hertz of each core that is on.
        slowed_by_heat: what is held back now because something is hot.
        overcurrent_events: how often it was held back for drawing too much, since it started.
        power_mode: such as "MAXN".
    """

    temperatures: Mapping[str, float] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    power: Mapping[str, float] = field(default_factory=dict)
    gpu_load: Optional[float] = None
    gpu_clock: Optional[float] = None
    gpu_clock_limit: Optional[float] = None
    gpu_clock_best: Optional[float] = None
    gpu_clock_floor: Optional[float] = None
    cpu_clocks: Mapping[str, float] = field(default_factory=dict)
    slowed_by_heat: Tuple[str, ...] = ()
    overcurrent_events: Optional[int] = None
    power_mode: Optional[str] = None

    @property
    def total_power(self) -> Optional[float]:
        """Watts of the module: its own input where that is measured, else the sum of its rails."""
        if not self.power:
            return None
        return self.power.get(_WHOLE_MODULE, sum(self.power.values()))

    @property
    def throttling(self) -> Optional[str]:
        """Why it is slower than its power mode allows, in one clause; None if it is not."""
        if not self.slowed_by_heat:
            return None
        hottest = max(self.temperatures.items(), key=lambda zone: zone[1], default=None)
        where = "" if hottest is None else f"; {hottest[0]} is at {hottest[1]:.0f} °C"
        return f"slowed down by heat ({', '.join(self.slowed_by_heat)}{where})"


class Jetson:
    """The kernel's files about a Jetson, found once and read at will. Safe from any thread.

    Args:
        root: of the file system.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._zones = {
            name: zone
            for zone in sorted((root / THERMAL).glob("thermal_zone*"))
            for name in [_text(zone / "type")]
            if name is not None and not _NO_SENSOR.search(name)
        }
        self._coolers = sorted((root / THERMAL).glob("cooling_device*"))
        self._rails = dict(_rails(root / I2C))
        self._gpu = next((p for p in _listed(root / DEVFREQ) if _GPU.search(p.name)), None)
        self._overcurrent = sorted((root / HWMON).glob("hwmon*/oc*_event_cnt"))

    def readings(self) -> Readings:
        """Reads everything now."""
        gpu = self._gpu or self._root / DEVFREQ / "no-gpu"
        frequencies = (_text(gpu / "available_frequencies") or "").split()
        load = next(filter(None, map(_text, self._gpu_loads(gpu))), None)
        events = [n for n in map(_number, self._overcurrent) if n is not None]
        return Readings(
            temperatures=_scaled({n: z / "temp" for n, z in self._zones.items()}, 1e-3),
            limits=dict(self._limits()),
            power=dict(self._power()),
            gpu_load=None if load is None else int(load) / 1000,
            gpu_clock=_number(gpu / "cur_freq"),
            gpu_clock_limit=_number(gpu / "max_freq"),
            gpu_clock_best=max(map(float, frequencies), default=None),
            gpu_clock_floor=_number(gpu / "min_freq"),
            cpu_clocks=_scaled(self._cpu_clocks(), 1e3),
            slowed_by_heat=tuple(self._slowed()),
            overcurrent_events=int(sum(events)) if events else None,
            power_mode=self._power_mode(),
        )

    def _gpu_loads(self, gpu: Path) -> Iterator[Path]:
        yield gpu / "device" / "load"
        yield from (self._root / name for name in _GPU_LOADS)

    def _limits(self) -> Iterator[Tuple[str, float]]:
        for name, zone in self._zones.items():
            slowing = [
                _number(zone / trip.name.replace("_type", "_temp"))
                for trip in sorted(zone.glob("trip_point_*_type"))
                if _text(trip) == "passive"
            ]
            known = [value / 1000 for value in slowing if value is not None]
            if known:
                yield name, min(known)

    def _power(self) -> Iterator[Tuple[str, float]]:
        for name, (volts, amperes) in self._rails.items():
            millivolts, milliamperes = _number(volts), _number(amperes)
            if millivolts is not None and milliamperes is not None:
                yield name, millivolts * milliamperes * 1e-6

    def _cpu_clocks(self) -> Dict[str, Path]:
        cores = sorted((self._root / CPU).glob("cpu[0-9]*"))
        return {core.name: core / "cpufreq" / "scaling_cur_freq" for core in cores}

    def _slowed(self) -> Iterator[str]:
        for cooler in self._coolers:
            name, state = _text(cooler / "type"), _number(cooler / "cur_state")
            # A fan that turns holds nothing back.
            if name is not None and state and "fan" not in name:
                yield name

    def _power_mode(self) -> Optional[str]:
        told = re.search(r"pmode:(\d+)", _text(self._root / POWER_MODE) or "")
        if told is None:
            return None
        number = int(told[1])
        listed = re.finditer(
            r"POWER_MODEL\s+ID=(\d+)\s+NAME=(\S+)", _text(self._root / POWER_MODES) or ""
        )
        names: Dict[int, str] = {int(mode[1]): mode[2] for mode in listed}
        return names.get(number, str(number))


def jetson_here(root: Path = Path("/")) -> Optional[Jetson]:
    """The Jetson this runs on; None on any other machine."""
    return None if jetson_release(root) is None else Jetson(root)


def _rails(devices: Path) -> Iterator[Tuple[str, Tuple[Path, Path]]]:
    """Names of rails with the files of their millivolts and milliamperes."""
    for device in _listed(devices):
        if "ina3221" not in (_text(device / "name") or ""):
            continue
        for monitor in sorted(device.glob("hwmon/hwmon*")):
            for channel in _CHANNELS:
                label = _text(monitor / f"in{channel}_label")
                if label is not None and label != "NC":
                    files = monitor / f"in{channel}_input", monitor / f"curr{channel}_input"
                    yield label, files


def _listed(folder: Path) -> List[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _scaled(files: Mapping[str, Path], scale: float) -> Dict[str, float]:
    values = {name: _number(file) for name, file in files.items()}
    return {name: value * scale for name, value in values.items() if value is not None}


def _number(path: Path) -> Optional[float]:
    text = _text(path)
    return float(text) if text is not None and re.fullmatch(r"-?\d+", text) else None


def _text(path: Path) -> Optional[str]:
    """A file's text; None where it is not there or its part of the chip is switched off."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return None
