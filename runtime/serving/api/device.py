"""GET /device: what the daemon runs on, how warm and fast it is, and what holds it back."""

from __future__ import annotations

from typing import Dict, Optional

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from runtime.device.jetson import Readings
from runtime.serving.api.services import Services


class _Description(BaseModel):
    model_config = ConfigDict(frozen=True)


class SensorReadings(_Description):
    """What a Jetson says of itself at this moment; null where a board does not tell."""

    power_mode: Optional[str] = Field(description="such as MAXN")
    throttling: Optional[str] = Field(description="why it is slowed down; null if it is not")
    temperatures: Dict[str, float] = Field(description="degrees Celsius by zone")
    power: Dict[str, float] = Field(description="watts by rail")
    total_power: Optional[float] = Field(description="watts")
    gpu_load: Optional[float] = Field(description="share of the time that it is busy, 0 to 1")
    gpu_clock: Optional[float] = Field(description="hertz")
    gpu_clock_limit: Optional[float] = Field(description="hertz that the power mode allows")


class DeviceDescription(_Description):
    """The machine that the daemon runs on."""

    architecture: str
    gpu: Optional[str] = Field(description="null without one")
    compute_capability: Optional[str] = Field(description="of the GPU")
    cuda: Optional[str] = Field(description="the newest that the driver runs; null without one")
    board: Optional[str] = Field(description="which Jetson; null on other machines")
    jetpack: Optional[str]
    readings: Optional[SensorReadings] = Field(description="null where it is no Jetson")


def device_description(services: Services) -> DeviceDescription:
    """The machine, with what its sensors say now."""
    machine = services.machine
    release = machine.jetson
    return DeviceDescription(
        architecture=machine.architecture,
        gpu=machine.device,
        compute_capability=machine.compute_capability,
        cuda=machine.cuda,
        board=None if release is None else release.board,
        jetpack=None if release is None else release.jetpack,
        readings=None if services.jetson is None else _told(services.jetson.readings()),
    )


def _told(readings: Readings) -> SensorReadings:
    return SensorReadings(
        power_mode=readings.power_mode,
        throttling=readings.throttling,
        temperatures=dict(readings.temperatures),
        power=dict(readings.power),
        total_power=readings.total_power,
        gpu_load=readings.gpu_load,
        gpu_clock=readings.gpu_clock,
        gpu_clock_limit=readings.gpu_clock_limit,
    )


def add_device_routes(app: FastAPI, services: Services) -> None:
    """GET /device."""

    # Not a coroutine: some sensors sit behind a slow bus, and a thread may wait for them.
    @app.get("/device", summary="The machine, and what holds it back")
    def device() -> DeviceDescription:
        return device_description(services)
