"""Which layers INT8 hurts most: each is quantized alone, and each is left out alone.

A layer is a convolution with its weights, on all pyramid levels that share them, together with
the inputs that the placement rules quantize for it. Noise of the two views need not rank alike:
alone a layer shows what it breaks, left out it shows what keeping it in float would mend.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Callable, Dict, List, Mapping, Optional, Tuple

import onnx
from pydantic import BaseModel, ConfigDict, ValidationError
from typing_extensions import Literal

from runtime.builder.export.onnx_graph import OnnxGraph, module_of
from runtime.builder.quantization.comparison import Comparison, FloatAnswers
from runtime.builder.quantization.qdq_placement import QuantizationOptions, quantized_convolutions
from runtime.builder.quantization.quantize import int8_from_float
from runtime.files.atomic import write_whole

SENSITIVITY_NAME = "quantization-sensitivity.json"
View = Literal["alone", "left_out"]
VIEWS: Tuple[View, ...] = ("alone", "left_out")


class Deviation(BaseModel):
    """How one graph answers.

    Attributes:
        sqnr_db: signal to quantization noise of the logits; a few quantized layers give a high
            one.
        agreement: share of pixels labelled as FP32 does.
        miou: with the truth; None without labels.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sqnr_db: float
    agreement: float
    miou: Optional[float]

    @classmethod
    def of(cls, comparison: Comparison) -> Deviation:
        """The measures of a comparison."""
        return cls(sqnr_db=comparison.sqnr, agreement=comparison.agreement, miou=comparison.miou)


class SensitivityReport(BaseModel):
    """What was measured so far, and of what; complete once every layer is in every view.

    Attributes:
        key: hash of everything the measures depend on.
        images: images compared.
        layers: in the graph's order.
        reference_miou: FP32's; None without labels.
        all_quantized: every layer in INT8.
        alone: by layer, only this one in INT8.
        left_out: by layer, all but this one in INT8.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: Literal[1] = 1
    key: str
    images: int
    layers: Tuple[str, ...]
    reference_miou: Optional[float] = None
    all_quantized: Optional[Deviation] = None
    alone: Dict[str, Deviation] = {}
    left_out: Dict[str, Deviation] = {}

    def worst(self) -> List[str]:
        """Layers by the noise that each makes alone, the worst first; ties in graph order."""
        order = {layer: number for number, layer in enumerate(self.layers)}
        return sorted(self.alone, key=lambda layer: (self.alone[layer].sqnr_db, order[layer]))

    def lacks(self, views: Tuple[View, ...]) -> List[Tuple[View, str]]:
        """What is still to be measured, by view and layer."""
        done: Mapping[str, Mapping[str, Deviation]] = {
            "alone": self.alone,
            "left_out": self.left_out,
        }
        return [(view, layer) for view in views for layer in self.layers if layer not in done[view]]


def layers_of(model: onnx.ModelProto, options: QuantizationOptions) -> Tuple[str, ...]:
    """The convolutions that `options` quantizes, by module, in the graph's order.

    Args:
        model: the float master.
        options: which layers stay in float.
    """
    wiring = OnnxGraph(model)
    chosen = quantized_convolutions(wiring, options)
    names = [node.name for node in wiring.of_type("Conv") if node.name in chosen]
    return tuple(dict.fromkeys(module_of(name) for name in names))


class SensitivityStudy:
    """One network's study, kept in a file after every layer, so that a killed one goes on.

    Args:
        model: the float master.
        thresholds: by tensor.
        options: what would become INT8.
        path: the JSON; one that belongs to another key is begun anew.
        key: hash of the graph, thresholds, options, preprocessing and images.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        thresholds: Mapping[str, float],
        options: QuantizationOptions,
        path: Path,
        key: str,
    ) -> None:
        self._model, self._thresholds, self._options = model, thresholds, options
        self._path, self._key = path, key
        self._layers = layers_of(model, options)

    def left(self, views: Tuple[View, ...] = VIEWS) -> int:
        """Graphs still to be measured."""
        report = report_from_file(self._path, self._key)
        return len(views) * len(self._layers) if report is None else len(report.lacks(views))

    def run(
        self,
        answers: Callable[[], FloatAnswers],
        views: Tuple[View, ...] = VIEWS,
        advance: Callable[[], None] = lambda: None,
    ) -> SensitivityReport:
        """Measures what the file does not hold yet.

        Args:
            answers: the float graph's; asked for only if something is left to measure.
            views: which of them.
            advance: called after each layer of each view.
        """
        report = report_from_file(self._path, self._key)
        if report is not None and not report.lacks(views):
            return report
        given = answers()
        if report is None:
            report = self._begin(given)
        for view, layer in report.lacks(views):
            found = Deviation.of(given.compared(self._twin(view, layer)))
            measured = {**getattr(report, view), layer: found}
            report = report.model_copy(update={view: measured})
            self._write(report)
            advance()
        return report

    def _begin(self, answers: FloatAnswers) -> SensitivityReport:
        twin = int8_from_float(self._model, self._thresholds, self._options)
        report = SensitivityReport(
            key=self._key,
            images=len(answers.images.paths),
            layers=self._layers,
            reference_miou=answers.itself.miou,
            all_quantized=Deviation.of(answers.compared(twin)),
        )
        self._write(report)
        return report

    def _twin(self, view: View, layer: str) -> onnx.ModelProto:
        others = frozenset(name for name in self._layers if name != layer)
        extra = others if view == "alone" else frozenset({layer})
        kept = self._options.keep_float | extra
        return int8_from_float(self._model, self._thresholds, self._options.keeping(kept))

    def _write(self, report: SensitivityReport) -> None:
        write_whole(self._path, (report.model_dump_json(indent=1) + "\n").encode())


def report_from_file(path: Path, key: str) -> Optional[SensitivityReport]:
    """What a former run left, if it measured the very same.

    Args:
        path: of the JSON file.
        key: of what is to be measured; a report with another one does not count.
    """
    if not path.is_file():
        return None
    try:
        report = SensitivityReport.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError):
        # Of another version or damaged: measured again.
        return None
    return report if report.key == key else None


def csv_text(report: SensitivityReport) -> str:
    """One row a layer, the most sensitive first."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    measures = ("sqnr_db", "agreement", "miou")
    writer.writerow(["rank", "layer", *(f"{v}_{m}" for v in VIEWS for m in measures)])
    for rank, layer in enumerate(report.worst(), start=1):
        found = [getattr(report, view).get(layer) for view in VIEWS]
        cells = ["" if f is None else getattr(f, m) for f in found for m in measures]
        writer.writerow([rank, layer, *("" if cell is None else cell for cell in cells)])
    return written.getvalue()
