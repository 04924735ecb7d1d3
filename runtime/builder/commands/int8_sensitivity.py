"""`runtime sensitivity --of quantization`: which layers of a network INT8 hurts."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from rich.table import Table

from runtime.builder.engine.build_steps import int8_planner
from runtime.builder.engine.int8_plan import FEW_IMAGES
from runtime.builder.engine.options import BuildEngineOptions
from runtime.builder.engine.save_recipe import resolve_and_save_recipe
from runtime.builder.progress import ConsoleReporter, Reporter
from runtime.builder.quantization.sensitivity import (
    SENSITIVITY_NAME,
    VIEWS,
    SensitivityReport,
    csv_text,
)
from runtime.builder.quantization.sensitivity_plot import write_sensitivity_plot
from runtime.console import error_console, output_console
from runtime.files.atomic import write_whole
from runtime.repository.engine_folder import RECIPE_NAME

_SHOWN = 10


@dataclass(frozen=True)
class Int8SensitivityOptions:
    """What `runtime sensitivity --of quantization` was told.

    Attributes:
        subject: a checkpoint; or a recipe, or the folder of one.
        calibration: folder of calibration images; None for the recipe's.
        dataset: folder of the dataset; None for the recipe's.
        out: the engine folder, in which the reports are written too.
        pictures: at most so many images to compare on.
    """

    subject: Path
    calibration: Optional[Path] = None
    dataset: Optional[Path] = None
    out: Optional[Path] = None
    images: int = FEW_IMAGES


def run_quantization_sensitivity(
    options: Int8SensitivityOptions, reporter: Reporter
) -> SensitivityReport:
    """Measures every layer in both views; writes JSON, CSV and a plot into the engine folder.

    Whatever an earlier run or build measured of the same network, ranges and images is kept.

    Args:
        options: network, images and the folder to write to.
        reporter: hears of the steps.

    Raises:
        InvalidConfig: something needed is not said.
        InvalidInput: a file is missing or broken.
    """
    resolved = resolve_and_save_recipe(_build_options(options))
    # The ranking is of all layers, whatever the recipe keeps in float by rank.
    choice = resolved.recipe.quantization.model_copy(update={"keep_worst": 0})
    recipe = resolved.recipe.model_copy(update={"quantization": choice})
    planner, plan = int8_planner(dataclasses.replace(resolved, recipe=recipe), reporter)
    report = planner.sensitivity(plan, VIEWS, options.images)
    path = resolved.out / SENSITIVITY_NAME
    write_whole(path.with_suffix(".csv"), csv_text(report).encode())
    write_sensitivity_plot(report, path.with_suffix(".png"))
    return report


def quantization_sensitivity_command(options: Int8SensitivityOptions) -> None:
    """The same, with progress on stderr and the worst layers on stdout."""
    report = run_quantization_sensitivity(options, ConsoleReporter(error_console()))
    output_console().print(sensitivity_table(report))


def sensitivity_table(report: SensitivityReport) -> Table:
    """The worst layers in both views."""
    whole = report.all_quantized
    together = "" if whole is None else f"; all in INT8: {whole.sqnr_db:.1f} dB"
    table = Table(title=f"INT8 layer by layer on {report.images} images{together}")
    table.add_column("layer")
    for heading in ("alone, dB", "alone, agreement", "left out, dB", "left out, agreement"):
        table.add_column(heading, justify="right")
    for layer in report.worst()[:_SHOWN]:
        alone, left = report.alone[layer], report.left_out[layer]
        table.add_row(
            layer,
            f"{alone.sqnr_db:.1f}",
            f"{alone.agreement:.3%}",
            f"{left.sqnr_db:.1f}",
            f"{left.agreement:.3%}",
        )
    return table


def _build_options(options: Int8SensitivityOptions) -> BuildEngineOptions:
    given = BuildEngineOptions(
        precisions=("int8",),
        calibration=options.calibration,
        dataset=options.dataset,
        out=options.out,
    )
    subject = options.subject
    if subject.is_dir():
        return dataclasses.replace(given, recipe=subject / RECIPE_NAME)
    if subject.suffix == ".toml":
        return dataclasses.replace(given, recipe=subject)
    return dataclasses.replace(given, checkpoint=subject)
