"""From the records of finished steps to the study's results."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, Mapping, Optional, TypeVar

from runtime.builder.evaluation.confusion import EvaluationReport
from runtime.builder.swiftnet import Architecture
from runtime.builder.swiftnet.costs import padded_macs
from runtime.experiments.study.graph import Graph
from runtime.experiments.study.resolve import PreparedStudy
from runtime.experiments.study.results import (
    Speed,
    StudiedModel,
    StudyResults,
    Training,
    write_results,
)
from runtime.experiments.study.speed_step import BETWEEN
from runtime.experiments.study.step import Done
from runtime.experiments.study.store import StepStore
from runtime.experiments.study.variant import Row
from runtime.repository.engine_folder import EngineFolder
from runtime.repository.manifest import EngineManifest, Precision

Value = TypeVar("Value")


class Collector:
    """Writes the results of a study anew whenever there are more of them.

    Args:
        study: what was asked for.
        graph: its steps and rows.
        store: where the steps lie.
        folder: of the study; gets the results.
    """

    def __init__(self, study: PreparedStudy, graph: Graph, store: StepStore, folder: Path) -> None:
        self._study = study
        self._graph = graph
        self._store = store
        self._folder = folder
        self._written: Optional[StudyResults] = None
        self._finished: Dict[str, StudiedModel] = {}

    def collect(self) -> StudyResults:
        """The results as they are now; written down if they differ from what was written last."""
        results = self._results()
        if results != self._written:
            write_results(self._folder, results)
            self._written = results
        return results

    def _results(self) -> StudyResults:
        recipe = self._study.recipe
        speed = None if self._graph.speed is None else self._done(self._graph.speed)
        rows = [self._timed(row, speed) for row in self._graph.rows]
        return StudyResults(
            study=recipe.name,
            recipe_sha256=self._study.sha256,
            machine=None if speed is None else speed.result["machine"],
            judged={each.name: each.sentence for each in recipe.judged},
            expected=len(self._graph.rows),
            models=tuple(row for row in rows if row is not None),
        )

    def _timed(self, row: Row, speed: Optional[Done]) -> Optional[StudiedModel]:
        if row.name not in self._finished:
            found = self._row(row)
            if found is None:
                return None
            self._finished[row.name] = found
        finished = self._finished[row.name]
        return finished.model_copy(update={"speed": {} if speed is None else _speeds(row, speed)})

    def _row(self, row: Row) -> Optional[StudiedModel]:
        sets = [each.name for each in self._study.recipe.judged]
        judged = {name: self._done(row.judged(name)) for name in sets}
        if self._done(row.engine) is None or None in judged.values():
            return None
        found = {name: done.result for name, done in judged.items() if done is not None}
        manifest = self._manifest(row)
        size = (manifest.input.height, manifest.input.width)
        architecture = manifest.model.architecture
        return StudiedModel(
            name=row.name,
            model=row.model.name,
            pruning=None if row.pruning is None else row.pruning.name,
            blocks=() if row.pruning is None else row.pruning.blocks,
            ratio=None if row.pruning is None else row.pruning.ratio,
            arm=row.arm,
            seed=row.seed,
            architecture=architecture,
            size=size,
            parameters=manifest.model.parameters,
            macs=manifest.model.macs,
            padded_macs=padded_macs(Architecture.from_dict(architecture), *size),
            accuracy=_by_precision(found, "accuracy", EvaluationReport.model_validate),
            agreement=_by_precision(found, "agreement", float),
            training=self._training(row),
            checkpoint_sha256=self._store.sha256(row.trained) or "",
            plan_sha256=None if row.plan is None else self._store.sha256(row.plan),
        )

    def _manifest(self, row: Row) -> EngineManifest:
        return EngineFolder(self._store.path(row.build("fp32")).parent).manifest

    def _training(self, row: Row) -> Optional[Training]:
        done = None if row.training is None else self._done(row.training)
        return None if done is None else Training.model_validate(done.result)

    def _done(self, step: str) -> Optional[Done]:
        return self._store.done(self._graph.steps[step])


def _by_precision(
    found: Mapping[str, Mapping[str, Any]], measure: str, read: Callable[[Any], Value]
) -> Dict[Precision, Dict[str, Value]]:
    """A measure by precision and then by judged set, from results by judged set alone."""
    turned: Dict[Precision, Dict[str, Value]] = {}
    for name, result in found.items():
        for precision, value in result[measure].items():
            turned.setdefault(precision, {})[name] = read(value)
    return turned


def _speeds(row: Row, speed: Done) -> Dict[str, Speed]:
    prefix = f"{row.name}{BETWEEN}"
    return {
        name[len(prefix) :]: Speed.model_validate(measured)
        for name, measured in speed.result["speed"].items()
        if name.startswith(prefix)
    }
