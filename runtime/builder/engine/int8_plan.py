"""What the INT8 twin is to be: which rule reads its ranges, and which layers stay float.

A recipe may name both. Where it leaves them to measurement (`rule = "auto"`, `keep_worst = N`) they
are measured here, once for the same inputs, on labelled images if the order has some.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np
import onnx

from runtime.builder.data.dataset import evenly
from runtime.builder.engine.resolve import EvaluationSet, ResolvedBuild
from runtime.builder.progress import Reporter
from runtime.builder.quantization.bias_correction import bias_corrections
from runtime.builder.quantization.calibrate import RangeTable, calibration_images
from runtime.builder.quantization.choose_rule import AUTO, RuleChoice, rule_chosen
from runtime.builder.quantization.comparison import FloatAnswers, TrialSet
from runtime.builder.quantization.histogram import DEFAULT_RULE, RULES
from runtime.builder.quantization.qdq_placement import QuantizationOptions
from runtime.builder.quantization.sensitivity import (
    SENSITIVITY_NAME,
    SensitivityReport,
    SensitivityStudy,
    View,
)
from runtime.builder.step_cache import StepCache, key_of
from runtime.errors import InvalidConfig
from runtime.repository.engine_folder import INT8_MODEL, sha256_of

RULE_IMAGES = 100
"""At most, to choose a rule by: two of CamVid's rules differ by hundredths of a point."""
FEW_IMAGES = 8
"""At most, to rank layers by: their noise differs by factors, not by shares."""
BIAS_IMAGES = 32
"""At most, to correct biases on: each gives tens of thousands of positions."""
REVISION = 1


@dataclass(frozen=True)
class Int8Plan:
    """All decisions about one INT8 build.

    Attributes:
        table: the ranges by every rule.
        rule: which of them to take.
        choice: how that was found out; None where the recipe says it.
        options: what becomes INT8.
    """

    table: RangeTable
    rule: str
    choice: Optional[RuleChoice]
    options: QuantizationOptions

    @property
    def thresholds(self) -> Dict[str, float]:
        """By tensor."""
        return self.table.thresholds(self.rule)

    def settings(self, recipe: Mapping[str, Any]) -> Dict[str, Any]:
        """For the manifest: the recipe's table with what was found out in its place."""
        found = {**recipe, "keep_float": sorted(self.options.keep_float)}
        if self.choice is not None:
            found["threshold_rules"] = self.choice.model_dump(mode="json")
        return found


class Int8Planner:
    """Makes the plan for one order.

    Args:
        order: what is to be built.
        state: remembers the choice of a rule.
        reporter: hears of what is measured.
        model: reads the float master.
    """

    def __init__(
        self,
        order: ResolvedBuild,
        state: StepCache,
        reporter: Reporter,
        model: Callable[[], onnx.ModelProto],
    ) -> None:
        self._order, self._state, self._reporter, self._model = order, state, reporter, model

    def plan(self, table: RangeTable) -> Int8Plan:
        """Measures what the recipe leaves open.

        Raises:
            InvalidConfig: more layers are to stay float than there are.
            InvalidInput: an image is missing or broken.
        """
        recipe = self._order.recipe
        options = recipe.quantization.options()
        rule, choice = DEFAULT_RULE if recipe.calibration is None else recipe.calibration.rule, None
        if rule == AUTO:
            choice = self._choice(table, options)
            rule = choice.rule
        plan = Int8Plan(table, rule, choice, options)
        if recipe.quantization.keep_worst == 0:
            return plan
        worst = self._worst(plan, recipe.quantization.keep_worst)
        kept = options.keep_float | frozenset(worst)
        return dataclasses.replace(plan, options=options.keeping(kept))

    def corrections(self, plan: Int8Plan) -> Dict[str, np.ndarray]:
        """What the biases need, on a part of the calibration trial."""
        images = self._bias_images()
        with self._reporter.step("correct biases", len(images)) as advance:
            return bias_corrections(
                self._model(),
                plan.thresholds,
                plan.options,
                (images, self._order.input),
                advance,
            )

    def bias_images_sha256(self) -> str:
        """Of the images that `corrections` looks at."""
        return key_of([image.model_dump() for image in calibration_images(self._bias_images())])

    def sensitivity(
        self, plan: Int8Plan, views: Tuple[View, ...] = ("alone",), count: int = FEW_IMAGES
    ) -> SensitivityReport:
        """How much each layer hurts, from the disk as far as it was measured before."""
        trial, _ = self.trial_images(count, count)
        study = self.study(plan, trial)
        left = study.left(views)
        if not left:
            self._reporter.skipped("sensitivity")
            return study.run(lambda: self._answers(trial), views)
        with self._reporter.step("sensitivity", left) as advance:
            return study.run(lambda: self._answers(trial), views, advance)

    def confusions(self, trial: TrialSet) -> Tuple[np.ndarray, np.ndarray]:
        """Counts of (truth, prediction) on labelled trial: FP32's, and the INT8 file's."""
        twin = onnx.load(str(self._order.out / INT8_MODEL))
        with self._reporter.step("follow pixels", 2 * len(trial.images)) as advance:
            answers = FloatAnswers(self._model(), trial, self._order.input, advance)
            both = (answers.itself, answers.compared(twin, advance))
        before, after = (np.asarray(found.confusion).sum(0) for found in both)
        return before, after

    def study(self, plan: Int8Plan, trial: TrialSet) -> SensitivityStudy:
        """The study of this graph, these thresholds and these trial, wherever it stands."""
        key = key_of(
            REVISION,
            plan.table.graph_sha256,
            plan.thresholds,
            plain_options(plan.options),
            self._order.input.model_dump(mode="json"),
            images_sha256(trial),
        )
        path = self._order.out / SENSITIVITY_NAME
        return SensitivityStudy(self._model(), plan.thresholds, plan.options, path, key)

    def trial_images(self, labelled: int, bare: int) -> Tuple[TrialSet, str]:
        """Images to judge by, and what to call them: labelled and held out, if there are any."""
        exam = judging_set(self._order.exams)
        if exam is None:
            images = self._order.calibration_images
            return TrialSet.of_images(images, bare), "calibration images"
        seen = " (seen in training)" if exam.choice.seen_in_training else ""
        name = f"{exam.images.name} {exam.choice.name}{seen}"
        return TrialSet.of_dataset(exam.images, labelled), name

    def _worst(self, plan: Int8Plan, count: int) -> List[str]:
        report = self.sensitivity(plan)
        if count > len(report.layers):
            raise InvalidConfig(
                f"{count} layers are to stay float, but only {len(report.layers)} become INT8",
                "Keep fewer, or build with --fp16",
            )
        return report.worst()[:count]

    def _choice(self, table: RangeTable, options: QuantizationOptions) -> RuleChoice:
        trial, name = self.trial_images(RULE_IMAGES, RULE_IMAGES)
        key = key_of(
            REVISION,
            table.graph_sha256,
            table.ranges,
            plain_options(options),
            self._order.input.model_dump(mode="json"),
            [name, images_sha256(trial)],
        )
        if self._state.is_done("rule", key):
            self._reporter.skipped("rule")
            return RuleChoice.model_validate(self._state.result("rule"))
        with self._reporter.step("rule", (1 + len(RULES)) * len(trial.images)) as advance:
            answers = FloatAnswers(self._model(), trial, self._order.input, advance)
            rule, reason, scores = rule_chosen(self._model(), table, options, answers, advance)
            choice = RuleChoice(
                rule=rule,
                reason=reason,
                pictures=name,
                images=len(trial.images),
                reference_miou=answers.itself.miou,
                scores=scores,
            )
            self._state.record("rule", key, [], choice.model_dump(mode="json"))
        return choice

    def _answers(self, trial: TrialSet) -> FloatAnswers:
        return FloatAnswers(self._model(), trial, self._order.input)

    def _bias_images(self) -> Tuple[Path, ...]:
        return evenly(self._order.calibration_images, BIAS_IMAGES)


def judging_set(exams: Sequence[EvaluationSet]) -> Optional[EvaluationSet]:
    """The first that the network has not learnt from, else the first."""
    unseen = [exam for exam in exams if not exam.choice.seen_in_training]
    return next(iter([*unseen, *exams]), None)


def plain_options(options: QuantizationOptions) -> Dict[str, Any]:
    """Options as plain values, for keys."""
    return {**dataclasses.asdict(options), "keep_float": sorted(options.keep_float)}


def images_sha256(trial: TrialSet) -> str:
    """Of the images' contents, and of their labels', in order."""
    labelled = trial.labelled
    labels = [] if labelled is None else [image.labels for image in labelled.samples]
    return key_of([sha256_of(path) for path in (*trial.images, *labels)])
