"""What the INT8 twin is to be: which rule reads its ranges, and which layers stay float.

A recipe may name both. Where it leaves them to measurement (`rule = "auto"`, `keep_worst = N`) they
are measured here, once for the same inputs, on labelled images if the build has some.
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
from runtime.builder.quantization.choose_rule import choose_rule
from runtime.builder.quantization.comparison import ComparisonSet, FloatAnswers
from runtime.builder.quantization.qdq_placement import QuantizationOptions
from runtime.builder.quantization.rules import AUTO, DEFAULT_RULE, RULES, RuleChoice
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
        """By tensor, the magnitude that becomes 127, as the plan's rule reads it."""
        return self.table.thresholds(self.rule)

    def settings(self, recipe: Mapping[str, Any]) -> Dict[str, Any]:
        """What the manifest says of the INT8 build: the recipe's table and what was found out."""
        found = {**recipe, "keep_float": sorted(self.options.keep_float)}
        if self.choice is not None:
            found["threshold_rules"] = self.choice.model_dump(mode="json")
        return found


class Int8Planner:
    """Makes the plan for one build.

    Args:
        resolved: what is to be built.
        state: remembers the choice of a rule.
        reporter: hears of what is measured.
        model: reads the float master.
    """

    def __init__(
        self,
        resolved: ResolvedBuild,
        state: StepCache,
        reporter: Reporter,
        model: Callable[[], onnx.ModelProto],
    ) -> None:
        self._resolved, self._state, self._reporter, self._model = resolved, state, reporter, model

    def plan(self, table: RangeTable) -> Int8Plan:
        """Measures what the recipe leaves open.

        Raises:
            InvalidConfig: more layers are to stay float than there are.
            InvalidInput: an image is missing or broken.
        """
        recipe = self._resolved.recipe
        options = recipe.quantization.options()
        rule, choice = DEFAULT_RULE if recipe.calibration is None else recipe.calibration.rule, None
        if rule == AUTO:
            choice = self._choose_rule(table, options)
            rule = choice.rule
        plan = Int8Plan(table, rule, choice, options)
        if recipe.quantization.keep_worst == 0:
            return plan
        worst = self._find_worst(plan, recipe.quantization.keep_worst)
        kept = options.keep_float | frozenset(worst)
        return dataclasses.replace(plan, options=options.keeping(kept))

    def corrections(self, plan: Int8Plan) -> Dict[str, np.ndarray]:
        """What the biases need, measured on a part of the calibration images."""
        images = self._bias_images()
        with self._reporter.step("correct biases", len(images)) as advance:
            return bias_corrections(
                self._model(),
                plan.thresholds,
                plan.options,
                (images, self._resolved.input),
                advance,
            )

    def bias_images_sha256(self) -> str:
        """One hash of the contents of the images that `corrections` looks at."""
        return key_of([image.model_dump() for image in calibration_images(self._bias_images())])

    def sensitivity(
        self, plan: Int8Plan, views: Tuple[View, ...] = ("alone",), count: int = FEW_IMAGES
    ) -> SensitivityReport:
        """How much each layer hurts, from the disk as far as it was measured before.

        Args:
            plan: its options say which layers there are.
            views: each layer alone in INT8, or all but it.
            count: at most so many images to compare on.
        """
        images, _ = self.comparison_images(count, count)
        study = self.study(plan, images)
        left = study.left(views)
        if not left:
            self._reporter.skipped("sensitivity")
            return study.run(lambda: self._answers(images), views)
        with self._reporter.step("sensitivity", left) as advance:
            return study.run(lambda: self._answers(images), views, advance)

    def confusions(self, images: ComparisonSet) -> Tuple[np.ndarray, np.ndarray]:
        """Counts of (truth, prediction) on labelled images: FP32's, and the INT8 file's."""
        twin = onnx.load(str(self._resolved.out / INT8_MODEL))
        with self._reporter.step("follow pixels", 2 * len(images.paths)) as advance:
            answers = FloatAnswers(self._model(), images, self._resolved.input, advance)
            both = (answers.itself, answers.compared(twin, advance))
        before, after = (np.asarray(found.confusion).sum(0) for found in both)
        return before, after

    def study(self, plan: Int8Plan, images: ComparisonSet) -> SensitivityStudy:
        """The study of this graph, these thresholds and these images, as far as it has come.

        Args:
            plan: thresholds, and the layers that become INT8.
            images: to compare on.
        """
        key = key_of(
            REVISION,
            plan.table.graph_sha256,
            plan.thresholds,
            plain_options(plan.options),
            self._resolved.input.model_dump(mode="json"),
            images_sha256(images),
        )
        path = self._resolved.out / SENSITIVITY_NAME
        return SensitivityStudy(self._model(), plan.thresholds, plan.options, path, key)

    def comparison_images(self, labelled: int, bare: int) -> Tuple[ComparisonSet, str]:
        """Images to judge by, and what to call them: labelled and held out, if there are any.

        Args:
            labelled: at most so many where there are labelled ones.
            bare: at most so many calibration images otherwise.
        """
        chosen = judging_set(self._resolved.evaluation_sets)
        if chosen is None:
            images = self._resolved.calibration_images
            return ComparisonSet.of_images(images, bare), "calibration images"
        seen = " (seen in training)" if chosen.choice.seen_in_training else ""
        name = f"{chosen.images.name} {chosen.choice.name}{seen}"
        return ComparisonSet.of_dataset(chosen.images, labelled), name

    def _find_worst(self, plan: Int8Plan, count: int) -> List[str]:
        report = self.sensitivity(plan)
        if count > len(report.layers):
            raise InvalidConfig(
                f"{count} layers are to stay float, but only {len(report.layers)} become INT8",
                "Keep fewer, or build with --fp16",
            )
        return report.worst()[:count]

    def _choose_rule(self, table: RangeTable, options: QuantizationOptions) -> RuleChoice:
        images, name = self.comparison_images(RULE_IMAGES, RULE_IMAGES)
        key = key_of(
            REVISION,
            table.graph_sha256,
            table.ranges,
            plain_options(options),
            self._resolved.input.model_dump(mode="json"),
            [name, images_sha256(images)],
        )
        if self._state.is_done("rule", key):
            self._reporter.skipped("rule")
            return RuleChoice.model_validate(self._state.result("rule"))
        with self._reporter.step("rule", (1 + len(RULES)) * len(images.paths)) as advance:
            answers = FloatAnswers(self._model(), images, self._resolved.input, advance)
            rule, reason, scores = choose_rule(self._model(), table, options, answers, advance)
            choice = RuleChoice(
                rule=rule,
                reason=reason,
                pictures=name,
                images=len(images.paths),
                reference_miou=answers.itself.miou,
                scores=scores,
            )
            self._state.record("rule", key, [], choice.model_dump(mode="json"))
        return choice

    def _answers(self, images: ComparisonSet) -> FloatAnswers:
        return FloatAnswers(self._model(), images, self._resolved.input)

    def _bias_images(self) -> Tuple[Path, ...]:
        return evenly(self._resolved.calibration_images, BIAS_IMAGES)


def judging_set(evaluation_sets: Sequence[EvaluationSet]) -> Optional[EvaluationSet]:
    """The first that the network has not learnt from, else the first."""
    unseen = [each for each in evaluation_sets if not each.choice.seen_in_training]
    return next(iter([*unseen, *evaluation_sets]), None)


def plain_options(options: QuantizationOptions) -> Dict[str, Any]:
    """Options as plain values, for keys."""
    return {**dataclasses.asdict(options), "keep_float": sorted(options.keep_float)}


def images_sha256(images: ComparisonSet) -> str:
    """One hash of the images' contents and of their label maps', in order."""
    labelled = images.labelled
    labels = [] if labelled is None else [sample.labels for sample in labelled.samples]
    return key_of([sha256_of(path) for path in (*images.paths, *labels)])
