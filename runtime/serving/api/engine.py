"""GET /engine: which network answers, what it knows, and what it was measured to be."""

from __future__ import annotations

from typing import List, Optional

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from runtime.repository.manifest import Calibration, Evidence
from runtime.serving.api.services import Services


class _Description(BaseModel):
    model_config = ConfigDict(frozen=True)


class ClassDescription(_Description):
    """One class of the masks."""

    id: int = Field(description="value of its pixels")
    name: str
    colour: str = Field(description="#rrggbb, as in palette images and overlays")


class InputDescription(_Description):
    """The size at which the network sees every image, pixels."""

    height: int
    width: int


class EngineDescription(_Description):
    """The engine in service."""

    name: str
    precision: str
    backend: str
    classes: List[ClassDescription]
    input: InputDescription
    parameters: int
    gmacs: float = Field(description="multiply-adds of one frame, in billions")
    evidence: List[Evidence] = Field(description="what was measured about this build")
    calibration: Optional[Calibration] = Field(description="where INT8 ranges came from")
    slots: int = Field(description="frames it runs at once")
    mode: str


def engine_description(services: Services) -> EngineDescription:
    """The engine in service, from its manifest."""
    manifest, build = services.manifest, services.build
    classes = manifest.classes
    return EngineDescription(
        name=manifest.name,
        precision=build.precision,
        backend=build.backend,
        classes=[
            ClassDescription(id=number, name=name, colour="#{:02x}{:02x}{:02x}".format(*colour))
            for number, (name, colour) in enumerate(zip(classes.names, classes.palette))
        ],
        input=InputDescription(height=manifest.input.height, width=manifest.input.width),
        parameters=manifest.model.parameters,
        gmacs=manifest.model.macs / 1e9,
        evidence=build.evidence,
        calibration=build.calibration,
        slots=services.slots,
        mode=services.mode,
    )


def add_engine_routes(app: FastAPI, services: Services) -> None:
    """GET /engine."""
    description = engine_description(services)

    @app.get("/engine", summary="The engine in service")
    async def engine() -> EngineDescription:
        return description
