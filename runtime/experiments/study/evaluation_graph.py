"""The part of a study's graph behind the trainings: engines, judgements, and speed."""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence

from runtime.experiments.study.resolve import PreparedStudy
from runtime.experiments.study.speed_step import BETWEEN, machine_in_words
from runtime.experiments.study.step import Source, Step
from runtime.experiments.study.variant import Row

SPEED = "speed"


def judging_steps(study: PreparedStudy, row: Row) -> List[Step]:
    """From a trained network to its accuracy on every set of images.

    Args:
        study: that the network belongs to.
        row: the network, and where its checkpoint comes from.
    """
    recipe = study.recipe
    precisions = list(recipe.precisions)
    builds: Dict[str, Source] = {name: row.build(name) for name in recipe.precisions}
    engine = Step(
        name=row.engine,
        kind="engine",
        parameters={"name": row.name.replace("/", "-"), **_quantized(study)},
        inputs={"checkpoint": row.trained},
        how=study.how,
    )
    judgements = [
        Step(
            name=row.judged(choice.name),
            kind="judge",
            parameters={"pictures": study.judged[choice.name], "precisions": precisions},
            # What the network takes is said in its checkpoint, not in its graph.
            inputs={"checkpoint": row.trained, **builds},
            how={**study.how, "judged": choice.model_dump(mode="json")},
        )
        for choice in recipe.judged
    ]
    return [engine, *judgements]


def measuring_step(study: PreparedStudy, rows: Sequence[Row]) -> Optional[Step]:
    """The last step, which runs alone: all builds in turns; None if nobody asked for it.

    Args:
        study: which may ask for speed.
        rows: networks to be timed.
    """
    choice = study.recipe.speed
    if choice is None:
        return None
    inputs: Dict[str, Source] = {
        f"{row.name}{BETWEEN}openvino {precision}": row.build(precision)
        for row in rows
        for precision in study.recipe.precisions
    }
    parameters = {"repetitions": choice.repetitions, "machine": machine_in_words()}
    return Step(SPEED, "speed", parameters, inputs, alone=True)


def _quantized(study: PreparedStudy) -> Dict[str, object]:
    """What an engine follows from, besides its network."""
    precisions, choice = list(study.recipe.precisions), study.recipe.calibration
    if choice is None or "int8" not in precisions:
        return {"precisions": precisions}
    return {
        "precisions": precisions,
        "set": choice.name,
        "rule": choice.rule,
        "pictures": study.calibration_sha256,
    }
