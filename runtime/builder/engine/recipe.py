"""The recipe of an engine: all that its artefacts follow from, in a file that people write."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple

from pydantic import Field, model_validator
from typing_extensions import Literal

from runtime.builder.quantization.qdq_placement import QuantizationOptions
from runtime.builder.quantization.rules import DEFAULT_RULE, RULES_OR_AUTO
from runtime.builder.tensorrt.plan_settings import PlanChoice
from runtime.errors import InvalidInput
from runtime.files.toml import Table, read_toml, table_from_values
from runtime.names import encodable
from runtime.repository.manifest import ImageSide, Precision, Resampling

# The content of these files has hashes of its own in the manifest, and plans carry their settings.
_SAID_ELSEWHERE: Any = {
    "checkpoint": True,
    "dataset": True,
    "calibration": {"folder", "grey_images"},
    "tensorrt": True,
}


class InputChoice(Table):
    """The size of the network's input, and how images of other sizes are brought to it."""

    height: ImageSide
    width: ImageSide
    geometry: Literal["letterbox", "stretch"] = "letterbox"
    resampling: Resampling = "bilinear"


class CalibrationChoice(Table):
    """The images that the INT8 ranges come from, and the rule that reads them.

    Attributes:
        name: of the set, under which its range tables are kept.
        folder: a folder of images; or, without one, images of the dataset:
        grey_images: whether what looks like a label map in the folder is an image all the same.
        splits: from these splits,
        pictures: whose names match this shell pattern.
        count: at most so many, evenly spread.
        rule: which threshold to take from the distributions; `auto` measures every rule.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    folder: Optional[str] = None
    grey_images: bool = False
    splits: Tuple[str, ...] = ("train",)
    pictures: str = "*"
    count: int = Field(default=200, ge=1)
    rule: str = DEFAULT_RULE

    @model_validator(mode="after")
    def _known_rule(self) -> CalibrationChoice:
        if self.rule not in RULES_OR_AUTO:
            raise ValueError(f"rule {self.rule!r} is none of {', '.join(RULES_OR_AUTO)}")
        return self


class QuantizationChoice(Table):
    """What becomes INT8; see `QuantizationOptions`.

    Attributes:
        keep_worst: so many layers stay float besides, those that INT8 hurts most.
        bias_correction: whether biases make up for what INT8 adds to each channel on average.
    """

    keep_float: Tuple[str, ...] = ()
    keep_worst: int = Field(default=0, ge=0)
    first_convolution: bool = True
    classifier: bool = True
    decoder_sums: bool = False
    bias_correction: bool = False

    def options(self) -> QuantizationOptions:
        """The same as the quantizer takes it."""
        return QuantizationOptions(
            keep_float=frozenset(self.keep_float),
            first_convolution=self.first_convolution,
            classifier=self.classifier,
            decoder_sums=self.decoder_sums,
        )


class EvaluationChoice(Table):
    """Labelled images that every build is measured on.

    Attributes:
        name: what the manifest calls the measurement.
        splits: of the dataset.
        pictures: shell pattern of the images' names.
        seen_in_training: whether the network learnt from any of them.
    """

    name: str
    splits: Tuple[str, ...]
    pictures: str = "*"
    seen_in_training: bool


class Gate(Table):
    """What a build may lose against FP32, in points (hundredths) of intersection over union.

    Attributes:
        max_drop: of the mean over the classes.
        max_class_drop: of any one class.
    """

    max_drop: float = Field(default=0.5, ge=0)
    max_class_drop: float = Field(default=5.0, ge=0)


class Recipe(Table):
    """One engine. Paths are relative to the recipe's folder.

    Attributes:
        name: of the engine.
        checkpoint: the trained network.
        dataset: folder of the dataset that calibration and evaluation choose from; the class
            names are its own where the checkpoint does not bring them.
        precisions: what to build where the command does not say.
        input: needed where the checkpoint does not say what size it was trained for.
        canary: name of the image that readiness is proven with; the first one evaluated if unset.
        tensorrt: how plans are built where TensorRT is installed; none are without this table,
            unless the command asks for them.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    checkpoint: str
    dataset: Optional[str] = None
    precisions: Tuple[Precision, ...] = Field(default=("fp32", "int8"), min_length=1)
    canary: Optional[str] = None
    input: Optional[InputChoice] = None
    tensorrt: Optional[PlanChoice] = None
    calibration: Optional[CalibrationChoice] = None
    quantization: QuantizationChoice = QuantizationChoice()
    gate: Gate = Gate()
    evaluation: Tuple[EvaluationChoice, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        by_folder = self.calibration is None or self.calibration.folder is not None
        if self.dataset is None and (self.evaluation or not by_folder):
            raise ValueError("calibration or evaluation chooses images but there is no dataset")
        return self

    @property
    def sha256(self) -> str:
        """The hash of what the recipe decides; where files lie, and its layout, do not count."""
        decided = self.model_dump(mode="json", exclude=_SAID_ELSEWHERE)
        plain = json.dumps(decided, sort_keys=True)
        return hashlib.sha256(plain.encode()).hexdigest()


def recipe_from_file(path: Path) -> Recipe:
    """Reads and checks a recipe.

    Raises:
        InvalidConfig: it is missing, not TOML, or says something unknown or contradictory.
    """
    absent = "Give --recipe FILE, or a checkpoint and --calib DIR to build without one"
    values = read_toml(path, "recipe", absent).values
    return table_from_values(Recipe, values, "recipe", str(path), "docs/building-engines.md")


def recipe_text(recipe: Recipe) -> str:
    """The recipe as TOML, defaults left out.

    Raises:
        InvalidInput: it names a path that is not UTF-8, which TOML cannot.
    """
    content = recipe.model_dump(mode="json", exclude_defaults=True)
    tables = {k: v for k, v in content.items() if isinstance(v, dict)}
    lists = {k: v for k, v in content.items() if isinstance(v, list) and _holds_tables(v)}
    lines = _entries({k: v for k, v in content.items() if k not in tables and k not in lists})
    for key, table in tables.items():
        lines += ["", f"[{key}]", *_entries(table)]
    for key, items in lists.items():
        for table in items:
            lines += ["", f"[[{key}]]", *_entries(table)]
    unwritable = next((line for line in lines if line != encodable(line)), None)
    if unwritable is not None:
        raise InvalidInput(
            f"a recipe is UTF-8, and cannot say {unwritable}", "Rename the file or folder"
        )
    return "\n".join(lines) + "\n"


def _holds_tables(values: List[Any]) -> bool:
    return bool(values) and isinstance(values[0], dict)


def _entries(table: Mapping[str, Any]) -> List[str]:
    # Strings, numbers, booleans and lists of them are written alike in JSON and TOML.
    plain: Dict[str, Any] = {key: value for key, value in table.items() if value is not None}
    return [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in plain.items()]
