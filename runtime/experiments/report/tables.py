"""The tables of a study, in the manner of the paper."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, List, Optional, Tuple

from runtime.experiments.measure import Measure, best_of, exactly, fastest_of
from runtime.experiments.report.paper_table import paper_table
from runtime.experiments.report.variants import (
    Study,
    Variant,
    backend_of,
    precision_of,
)
from runtime.experiments.study.results import Speed, StudiedModel, Training
from runtime.experiments.table import Cell, Column, Table
from runtime.repository.manifest import Precision

PERCENT = 100.0
GIGA = 1e-9
Number = Callable[[Variant], Optional[Measure]]


def summary_table(study: Study) -> Table:
    """The paper's columns: parameters, multiply-adds, accuracy and images per second."""
    headline = study.judged[0]
    places = [place for place in study.places if backend_of(place) == backend_of(study.places[0])]
    columns = [
        *_names(study),
        *_costs(study),
        *(_miou(study, precision, headline) for precision in study.precisions),
        *(_fps(study, place) for place in places),
        *(_times_full(study, place) for place in places[-1:]),
    ]
    return Table("summary", f"All models; mIoU on {headline}", tuple(columns))


def cost_table(study: Study) -> Table:
    """Parameters and multiply-adds, and what is left of the whole network's."""
    columns = _names(study)
    for column in _costs(study):
        left = tuple(_left(study, row, column) for row in range(len(study.variants)))
        columns += [column, Column("left, %", left, digits=1, scale=PERCENT)]
    return Table("costs", "Costs of one image", tuple(columns))


def accuracy_table(study: Study, judged: str) -> Table:
    """Mean IoU by precision, what pruning and INT8 change, agreement with FP32.

    Args:
        study: whose models to list.
        judged: name of the set of images.
    """
    columns = _names(study)
    for precision in study.precisions:
        columns.append(_miou(study, precision, judged))
        columns.append(
            Column(
                f"{precision.upper()} against full, points",
                tuple(_change(study, each, precision, judged) for each in study.variants),
                scale=PERCENT,
                signed=True,
            )
        )
    columns.append(_points(study, "INT8 against FP32, points", lambda v: v.int8_change(judged)))
    for precision in study.precisions:
        agreement = [variant.agreement(precision, judged) for variant in study.variants]
        columns.append(
            Column(
                f"{precision.upper()} agrees with FP32, %",
                tuple(agreement),
                scale=PERCENT,
                best=best_of(agreement, decimals=4),
            )
        )
    return Table(f"accuracy-{judged}", f"Accuracy on {judged}", tuple(columns))


def speed_table(study: Study) -> Optional[Table]:
    """Milliseconds, images per second and the ratio to the full model in FP32."""
    if not study.places:
        return None
    columns = _names(study)
    for place in study.places:
        speeds = [variant.speed(place) for variant in study.variants]
        milliseconds = Column(
            f"{place}, ms", tuple(map(_range, speeds)), digits=1, best=fastest_of(speeds)
        )
        columns += [milliseconds, _fps(study, place), _times_full(study, place)]
    return Table("speed", "Speed of the network alone, one image at a time", tuple(columns))


def class_table(study: Study, precision: Precision, judged: str) -> Table:
    """Intersection over union of every class by model, and their means below.

    Args:
        study: whose models to list.
        precision: of the networks that were judged.
        judged: name of the set of images.
    """
    by_variant = {v.label: v.iou(precision, judged) for v in study.variants}
    names = list(next((ious for ious in by_variant.values() if ious), {}))
    cells = {
        variant.label: [
            *(by_variant[variant.label].get(name) for name in names),
            variant.miou(precision, judged),
        ]
        for variant in study.variants
    }
    best = [
        best_of([column[row] for column in cells.values()], decimals=3)
        for row in range(len(names) + 1)
    ]
    columns = [Column("class", (*names, "mean"))]
    for position, (label, column) in enumerate(cells.items()):
        marked = frozenset(row for row, winners in enumerate(best) if position in winners)
        columns.append(Column(label, tuple(column), digits=1, scale=PERCENT, best=marked))
    title = f"IoU by class in {precision.upper()} on {judged}, %"
    return Table(f"classes-{precision}-{judged}", title, tuple(columns))


def row_table(study: Study) -> Table:
    """Every single row: its seed, its training, and the hashes of what it is."""
    models = study.results.models

    def words(heading: str, value: Callable[[StudiedModel], Cell]) -> Column:
        return Column(heading, tuple(value(model) for model in models), digits=0)

    return Table(
        "rows",
        "Every row of the study",
        (
            words("row", lambda model: model.name),
            words("seed", lambda model: exactly(model.seed)),
            words("steps", lambda m: None if m.training is None else exactly(m.training.steps)),
            words(
                "minutes of training",
                lambda m: _minutes(m.training),
            ),
            words("checkpoint", lambda model: model.checkpoint_sha256[:12]),
            words("plan", lambda m: None if m.plan_sha256 is None else m.plan_sha256[:12]),
        ),
    )


def all_tables(study: Study) -> Tuple[Table, ...]:
    """Those above, in the order of the report."""
    tables = [summary_table(study), cost_table(study)]
    tables += [accuracy_table(study, judged) for judged in study.judged]
    speed = speed_table(study)
    tables += [] if speed is None else [speed]
    for judged in study.judged:
        tables += [class_table(study, precision, judged) for precision in study.precisions]
    return (*tables, paper_table(study), row_table(study))


def _names(study: Study) -> List[Column]:
    words = Column("model", tuple(variant.label for variant in study.variants))
    seeds = Column("seeds", tuple(exactly(len(v.seeds)) for v in study.variants), digits=0)
    return [words, seeds] if study.seeds > 1 else [words]


def _costs(study: Study) -> List[Column]:
    def column(heading: str, value: Callable[[StudiedModel], float]) -> Column:
        cells = tuple(variant.of_each(value) for variant in study.variants)
        return Column(heading, cells, best=best_of(cells, lower=True))

    return [
        replace(column("parameters", lambda model: model.parameters), digits=0),
        column("GMACs", lambda model: model.macs * GIGA),
        column("GMACs padded to 32", lambda model: model.padded_macs * GIGA),
    ]


def _miou(study: Study, precision: Precision, judged: str) -> Column:
    return _points(study, f"mIoU {precision.upper()}, %", lambda v: v.miou(precision, judged), "")


def _points(study: Study, heading: str, number: Number, sign: str = "+") -> Column:
    cells = [number(variant) for variant in study.variants]
    return Column(
        heading, tuple(cells), scale=PERCENT, signed=sign == "+", best=best_of(cells, decimals=4)
    )


def _change(study: Study, variant: Variant, precision: Precision, judged: str) -> Optional[Measure]:
    """The means' difference; a whole network has none to itself."""
    whole = study.whole_of(variant)
    before = None if whole is None else whole.miou(precision, judged)
    after = variant.miou(precision, judged)
    if variant.whole or before is None or after is None:
        return None
    return exactly(after.mean - before.mean)


def _left(study: Study, row: int, column: Column) -> Optional[Measure]:
    whole = study.whole_of(study.variants[row])
    cell = column.cells[row]
    before = None if whole is None else column.cells[study.variants.index(whole)]
    if not isinstance(cell, Measure) or not isinstance(before, Measure):
        return None
    return exactly(cell.mean / before.mean)


def _minutes(training: Optional[Training]) -> Optional[Measure]:
    if training is None or training.seconds is None:
        return None
    return exactly(training.seconds / 60)


def _range(speed: Optional[Speed]) -> Optional[Measure]:
    if speed is None:
        return None
    return Measure(speed.median, speed.low, speed.high, speed.repetitions)


def _fps(study: Study, place: str) -> Column:
    speeds = [variant.speed(place) for variant in study.variants]
    return Column(
        f"{place}, FPS",
        tuple(None if speed is None else exactly(1000 / speed.median) for speed in speeds),
        digits=1,
        best=fastest_of(speeds),
    )


def _times_full(study: Study, place: str) -> Column:
    ratios = [study.times_full(variant, place) for variant in study.variants]
    return Column(
        f"{place}, times full {precision_of(study.reference_place(place)).upper()}",
        tuple(None if ratio is None else exactly(ratio) for ratio in ratios),
        best=fastest_of([variant.speed(place) for variant in study.variants]),
    )
