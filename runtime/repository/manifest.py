"""The engine manifest: the contract between the offline builder and the serving daemon.

An engine folder holds `manifest.json` beside its artefacts. Whatever serving must know about a
model is a constant here; nothing is guessed from file names or from the graph.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Dict, Final, List, Optional, Tuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from typing_extensions import Annotated, Literal

from runtime.errors import EngineRefused, InvalidInput, RuntimeFault
from runtime.files.json_file import read_json
from runtime.files.validation import first_complaint
from runtime.image.label_map import Classes

FORMAT_VERSION: Final = 1
MANIFEST_NAME = "manifest.json"

Precision = Literal["fp32", "fp16", "int8"]
Resampling = Literal["bilinear", "area"]
BackendName = Literal["openvino", "tensorrt", "tensorrt_rtx", "fake"]
_SHA256 = re.compile(r"[0-9a-f]{64}")
ImageSide = Annotated[int, Field(ge=32, le=8192)]
"""Rows or columns of the network's input, in pixels."""
Sha256 = Field(pattern=r"^[0-9a-f]{64}$")


def is_plain_name(name: str) -> bool:
    """Whether a name stays in the folder that it is looked up in."""
    return "/" not in name and "\\" not in name and name not in ("", ".", "..")


class _Record(BaseModel):
    """A frozen record in which an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class InputSpec(_Record):
    """What the network expects of an image; applied by preprocess/, identical in training.

    `mean`, `std` and `pad` are per channel in `colour_order` on the 0-255 scale. `letterbox` keeps
    the aspect ratio and fills the rest with `pad`; `stretch` does not keep it. `area` averages what
    each pixel covers, where the image is larger than its rectangle; see `preprocess.reference`.
    """

    height: ImageSide
    width: ImageSide
    mean: Tuple[float, float, float]
    std: Tuple[float, float, float]
    colour_order: Literal["rgb", "bgr"] = "rgb"
    geometry: Literal["letterbox", "stretch"] = "letterbox"
    resampling: Resampling = "bilinear"
    pad: Tuple[int, int, int] = (0, 0, 0)

    @field_validator("std")
    @classmethod
    def _positive(cls, std: Tuple[float, float, float]) -> Tuple[float, float, float]:
        if min(std) <= 0:
            raise ValueError(f"a standard deviation is not positive: {std}")
        return std

    @field_validator("pad")
    @classmethod
    def _a_colour(cls, pad: Tuple[int, int, int]) -> Tuple[int, int, int]:
        if not all(0 <= value <= 255 for value in pad):
            raise ValueError(f"the padding {pad} is not a colour")
        return pad

    @property
    def pad_bgr(self) -> Tuple[int, int, int]:
        """The padding in the order of a frame's pixels."""
        first, second, third = self.pad
        return self.pad if self.colour_order == "bgr" else (third, second, first)


class OutputSpec(_Record):
    """The grid of logits the network ends with, before upsampling to the input's size."""

    height: int = Field(ge=1)
    width: int = Field(ge=1)


class ClassesSpec(_Record):
    """Class names and their RGB colours, in the order of their ids."""

    names: List[str]
    palette: List[Tuple[int, int, int]]
    ignore_id: int = 255

    @classmethod
    def of(cls, classes: Classes) -> ClassesSpec:
        """The same as it is written down; see `to_classes`."""
        return cls(
            names=list(classes.names), palette=list(classes.palette), ignore_id=classes.ignore_id
        )

    def to_classes(self) -> Classes:
        """The validated value that label maps carry."""
        return Classes(tuple(self.names), tuple(self.palette), self.ignore_id)


class ModelCard(_Record):
    """Which network this is: family, geometry, and its cost by the paper's counting rule."""

    family: str
    architecture: Dict[str, Any]
    parameters: int = Field(gt=0)
    macs: int = Field(gt=0, description="multiply-adds of one frame; divide by 1e9 for GMACs")


class Evidence(_Record):
    """What was measured about one build on one set of labelled images.

    `iou` has one value per class, null for a class absent from truth and prediction.
    `reference_miou` and `agreement` (share of equal pixels) compare with the FP32 build.
    """

    dataset: str
    split: str
    seen_in_training: bool
    images: int = Field(gt=0)
    miou: float = Field(ge=0, le=1)
    iou: Dict[str, Optional[float]]
    reference_miou: Optional[float] = Field(default=None, ge=0, le=1)
    agreement: Optional[float] = Field(default=None, ge=0, le=1)


class Calibration(_Record):
    """Which images and which rule gave the INT8 ranges."""

    name: str
    images: int = Field(gt=0)
    images_sha256: str = Sha256
    ranges_sha256: str = Sha256
    rule: str


class Build(_Record):
    """One artefact that one backend can run, with its evidence.

    `device` and `compute_capability` are null for portable artefacts (ONNX), set for plans; the
    device alone is null for a plan that runs on every GPU of its compute capability.
    `evidence` was measured on this very artefact. `portable_evidence` is that of the portable build
    whose numbers a plan was made from: what to expect of the plan, and no proof of it.
    """

    precision: Precision
    backend: BackendName
    artefact: str
    sha256: str = Sha256
    size: int = Field(gt=0, description="bytes")
    onnx_sha256: str = Sha256
    backend_version: str
    device: Optional[str] = None
    compute_capability: Optional[str] = None
    calibration: Optional[Calibration] = None
    evidence: List[Evidence] = []
    portable_evidence: List[Evidence] = []
    settings: Dict[str, Any] = {}

    @field_validator("artefact")
    @classmethod
    def _inside_the_folder(cls, name: str) -> str:
        if not is_plain_name(name):
            raise ValueError(f"artefact {name!r} is not a plain file name")
        return name

    @model_validator(mode="after")
    def _int8_says_how(self) -> Build:
        if self.precision == "int8" and self.backend != "fake" and self.calibration is None:
            raise ValueError("an int8 build does not say how it was calibrated")
        return self


class CanarySpec(_Record):
    """An image with a known answer: readiness means that the engine still gives it.

    `minimum_agreement` is the share of equal pixels below which the engine is not trusted; it
    leaves room for the rounding of another backend or processor, not for another answer.
    """

    image: str
    image_sha256: str = Sha256
    labels: str
    labels_sha256: str = Sha256
    minimum_agreement: float = Field(default=0.97, gt=0.5, le=1)


class Provenance(_Record):
    """Where the weights came from, by content."""

    created_at: str
    runtime_version: str
    checkpoint_sha256: str = Sha256
    recipe_sha256: str = Sha256


class EngineManifest(_Record):
    """Everything serving needs to know about one engine folder.

    `plan_sources` are further files of the folder, with their hashes: no builds, as nothing runs
    them as they are, but TensorRT plans are built from them.
    """

    format_version: Literal[1] = FORMAT_VERSION
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    model: ModelCard
    classes: ClassesSpec
    input: InputSpec
    output: OutputSpec
    provenance: Provenance
    canary: Optional[CanarySpec] = None
    builds: List[Build] = Field(min_length=1)
    plan_sources: Dict[str, str] = {}

    @field_validator("plan_sources")
    @classmethod
    def _plain_names_and_hashes(cls, sources: Dict[str, str]) -> Dict[str, str]:
        for name, sha256 in sources.items():
            if not is_plain_name(name) or not _SHA256.fullmatch(sha256):
                raise ValueError(f"the plan source {name!r} is no file name with a hash")
        return sources

    @model_validator(mode="after")
    def _consistent(self) -> EngineManifest:
        try:
            self.classes.to_classes()
        except RuntimeFault as fault:
            raise ValueError(str(fault)) from fault
        if self.output.height > self.input.height or self.output.width > self.input.width:
            raise ValueError("the grid of logits is larger than the input")
        return self


def manifest_from_file(path: Path) -> EngineManifest:
    """Reads and checks a manifest.

    Raises:
        EngineRefused: it is missing, not JSON, of another format version, or inconsistent.
    """
    rebuild = f"Rebuild it with `runtime build-engine --recipe {path.parent / 'recipe.toml'}`"
    try:
        content = read_json(path)
    except FileNotFoundError as error:
        raise _no_engine(path.parent) from error
    except OSError as error:
        raise EngineRefused(
            f"no manifest can be read at {path}: {error.strerror}", rebuild
        ) from error
    except InvalidInput as fault:
        raise EngineRefused(
            fault.problem, f"{fault.cure}, or {rebuild[0].lower()}{rebuild[1:]}"
        ) from fault
    except ValueError as error:
        raise EngineRefused(f"{path} is not JSON: {error}", rebuild) from error
    version = content.get("format_version") if isinstance(content, dict) else None
    if version != FORMAT_VERSION:
        raise EngineRefused(
            f"{path} has format version {version!r}, this runtime reads {FORMAT_VERSION}", rebuild
        )
    try:
        return EngineManifest.model_validate(content)
    except ValidationError as error:
        complaint = first_complaint(error, "the manifest")
        raise EngineRefused(f"{path}: {complaint}", rebuild) from error


def _no_engine(folder: Path) -> EngineRefused:
    """Why there is no manifest, most often a wrong path, and what to name or build instead."""
    if not folder.is_dir():
        return EngineRefused(
            f"there is no engine folder {folder}",
            f"Name one that has a {MANIFEST_NAME}; `runtime build-engine` makes them",
        )
    if (folder / "recipe.toml").is_file():
        return EngineRefused(
            f"the engine in {folder} is not built: it has a recipe and no {MANIFEST_NAME}",
            f"Build it with `runtime build-engine --recipe {folder / 'recipe.toml'}`",
        )
    engines = sorted(each.parent.name for each in folder.glob(f"*/{MANIFEST_NAME}"))
    return EngineRefused(
        f"{folder} is no engine folder: it has no {MANIFEST_NAME}",
        f"Name one of the engines in it: {', '.join(engines)}"
        if engines
        else "Name a folder that has one; `runtime build-engine` makes them",
    )


def manifest_text(manifest: EngineManifest) -> str:
    """The manifest as it is written to disk: indented JSON with a final newline."""
    return json.dumps(manifest.model_dump(mode="json"), indent=2) + "\n"
