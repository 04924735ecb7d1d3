from __future__ import annotations

from pathlib import Path

from runtime.device.jetson import Jetson
from runtime.device.machine import this_machine
from tests.device.cuda_drivers import compiled_driver
from tests.device.jetsons import BOARD, heat_up, write_xavier
from tests.serving.api.serving import Parts, served


def test_a_jetson_says_what_it_is_and_what_holds_it_back(tmp_path: Path) -> None:
    machine = this_machine(write_xavier(tmp_path), compiled_driver(tmp_path))
    with served(Parts(machine=machine, jetson=Jetson(tmp_path))) as running:
        told = running.client.get("/device").json()
        heat_up(tmp_path)
        later = running.client.get("/device").json()
    assert (told["board"], told["jetpack"], told["gpu"]) == (BOARD, "5.1.2", "Xavier (8 SMs)")
    assert told["readings"]["power_mode"] == "MAXN"
    assert told["readings"]["throttling"] is None
    assert "87 °C" in later["readings"]["throttling"]


def test_another_machine_has_no_readings() -> None:
    with served() as running:
        told = running.client.get("/device").json()
    assert (told["gpu"], told["board"], told["readings"]) == (None, None, None)
