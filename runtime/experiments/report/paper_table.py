"""The study's models and the paper's, one under the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Iterator, Optional, Tuple

from runtime.experiments.measure import Measure, exactly
from runtime.experiments.report.paper import Paper, PaperRow, paper_from_file
from runtime.experiments.report.paper_match import Counterpart, counterpart_of
from runtime.experiments.report.variants import Study, Variant, backend_of, precision_of
from runtime.experiments.table import Cell, Column, Table
from runtime.repository.manifest import Precision

OURS, SAME, ANOTHER = "this study", "the paper", "the paper's RN34 (another network)"


@dataclass(frozen=True)
class _Line:
    """A line of the table; shares and ratios, not percent."""

    whose: str
    model: str
    judged: str
    precision: Optional[str]
    parameters: float
    gmacs: float
    miou: Optional[Measure]
    change: Optional[float]
    device: Optional[str] = None
    fps: Optional[float] = None
    speed_up: Optional[float] = None


def paper_table(study: Study) -> Table:
    """Each pruning with its arms, and what the paper measured of the same or the closest network.

    Changes and ratios are against the full model on the same data, device and precision; they are
    what can be compared where network and data are not the same.
    """
    lines = list(_lines(study))

    def numbers(value: Callable[[_Line], Optional[float]]) -> Tuple[Cell, ...]:
        values = [value(line) for line in lines]
        return tuple(None if number is None else exactly(number) for number in values)

    columns = (
        Column("whose", tuple(line.whose for line in lines)),
        Column("model", tuple(line.model for line in lines)),
        Column("judged on", tuple(line.judged for line in lines)),
        Column("precision", tuple(line.precision for line in lines)),
        Column("parameters", numbers(lambda line: line.parameters), digits=0),
        Column("GMACs", numbers(lambda line: line.gmacs)),
        Column("mIoU, %", tuple(line.miou for line in lines), scale=100),
        Column("against full, points", numbers(lambda line: line.change), scale=100, signed=True),
        Column("speed on", tuple(line.device for line in lines)),
        Column("FPS", numbers(lambda line: line.fps), digits=1),
        Column("times full", numbers(lambda line: line.speed_up)),
    )
    return Table("paper", "Beside the paper", columns)


def _lines(study: Study) -> Iterator[_Line]:
    paper = paper_from_file()
    for variants in study.families.values():
        for variant in variants:
            for precision in study.precisions:
                yield _ours(study, variant, precision)
        counterpart = counterpart_of(paper, study, variants[0])
        for row in counterpart.model.rows:
            yield _theirs(paper, counterpart, row)


def _ours(study: Study, variant: Variant, precision: Precision) -> _Line:
    judged = study.judged[0]
    place = next((each for each in study.places if precision_of(each) == precision), "")
    whole = study.whole_of(variant)
    miou, speed = variant.miou(precision, judged), variant.speed(place)
    before = None if whole is None or variant.whole else whole.miou(precision, judged)
    full_speed = None if whole is None or variant.whole else whole.speed(place)
    return _Line(
        whose=OURS,
        model=variant.label,
        judged=judged,
        precision=precision,
        parameters=variant.first.parameters,
        gmacs=variant.first.macs / 1e9,
        miou=miou,
        change=None if before is None or miou is None else miou.mean - before.mean,
        device=None if speed is None else backend_of(place),
        fps=None if speed is None else 1000 / speed.median,
        speed_up=full_speed.median / speed.median if speed and full_speed else None,
    )


def _theirs(paper: Paper, counterpart: Counterpart, row: PaperRow) -> _Line:
    model, full = counterpart.model, paper.baseline_of(row)
    words = [model.name, (row.arm or "").upper(), row.start and f"({row.start})"]
    return _Line(
        whose=SAME if counterpart.same else ANOTHER,
        model=" ".join(word for word in words if word),
        judged=row.dataset,
        precision=row.precision,
        parameters=model.parameters,
        gmacs=model.gmacs,
        miou=exactly(row.miou / 100),
        change=None if model is paper.full else (row.miou - full.miou) / 100,
        device=row.device,
        fps=row.fps,
        speed_up=row.fps / full.fps if row.fps and full.fps and row is not full else None,
    )
