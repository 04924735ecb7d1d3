"""All builds put to the test side by side: the canary's answer, and evidence on every exam."""

from __future__ import annotations

import hashlib
import io
import math
from contextlib import ExitStack
from pathlib import Path
from typing import Dict, List, Mapping

from PIL import Image

from runtime.builder.data.dataset import read_image
from runtime.builder.engine.accuracy import REFERENCE, evidence_of, labels_of, lowest_agreement
from runtime.builder.engine.assemble_manifest import Findings, provisional
from runtime.builder.engine.resolve import EvaluationSet, ResolvedBuild
from runtime.builder.progress import Advance
from runtime.builder.step_cache import key_of
from runtime.files.atomic import write_whole
from runtime.image.label_map import LabelMap
from runtime.image.label_png import palette_png
from runtime.inference.backends.open_engine import open_engine
from runtime.inference.segmenter import Segmenter
from runtime.repository.engine_folder import CANARY_IMAGE, CANARY_LABELS, sha256_of
from runtime.repository.manifest import Build, Evidence, Precision

# Room for another processor's rounding below the agreement measured here.
CANARY_MARGIN = 0.01
CANARY_CEILING = 0.97
CANARY_FLOOR = 0.6


def trial_key(order: ResolvedBuild, builds: Mapping[Precision, Build]) -> str:
    """What the findings depend on: every build, image and label map, by content."""
    return key_of(
        {precision: build.sha256 for precision, build in builds.items()},
        [build.backend_version for build in builds.values()],
        order.input.model_dump(mode="json"),
        [_described(exam) for exam in order.exams],
        None if order.canary is None else sha256_of(order.canary),
    )


def _described(exam: EvaluationSet) -> List[object]:
    digest = hashlib.sha256()
    for image in exam.images.samples:
        for path in (image.image, image.labels):
            digest.update(path.read_bytes())
    return [exam.choice.model_dump(mode="json"), digest.hexdigest()]


def trial_parts(order: ResolvedBuild) -> int:
    """How often `examined` will advance."""
    return sum(len(exam.images) for exam in order.exams) + 1


def examined(order: ResolvedBuild, builds: Mapping[Precision, Build], advance: Advance) -> Findings:
    """Opens every build with the backend that will serve it and measures them all.

    Writes the canary: the image, and the FP32 build's labels for it.

    Raises:
        EngineRefused: a build cannot be opened.
        InvalidInput: an image or label map is missing or broken.
    """
    manifest = provisional(order, dict(builds))
    with ExitStack() as opened:
        segmenters: Dict[Precision, Segmenter] = {}
        for precision, build in builds.items():
            engine = open_engine(manifest, build, order.out / build.artefact, mode="latency")
            slots = opened.enter_context(engine).slots
            segmenters[precision] = Segmenter(manifest, slots[0])
        evidence: Dict[str, List[Evidence]] = {precision: [] for precision in builds}
        for exam in order.exams:
            choice = exam.choice
            measured = evidence_of(
                segmenters, exam.images, choice.name, choice.seen_in_training, advance
            )
            for precision, found in measured.items():
                evidence[precision].append(found)
        agreement = None
        if order.canary is not None:
            agreement = _canary(order, order.canary, segmenters)
        advance()
    return Findings(evidence=evidence, minimum_agreement=agreement)


def _canary(order: ResolvedBuild, path: Path, segmenters: Mapping[Precision, Segmenter]) -> float:
    """Writes the canary and returns the agreement below which an engine is not to be trusted."""
    image = read_image(path)
    mask = labels_of(segmenters[REFERENCE], image)
    encoded = io.BytesIO()
    Image.fromarray(image).save(encoded, "PNG")
    write_whole(order.out / CANARY_IMAGE, encoded.getvalue())
    write_whole(order.out / CANARY_LABELS, palette_png(LabelMap(mask, order.classes)))
    lowest = lowest_agreement(list(segmenters.values()), image, mask) - CANARY_MARGIN
    return max(CANARY_FLOOR, min(CANARY_CEILING, math.floor(lowest * 100) / 100))
