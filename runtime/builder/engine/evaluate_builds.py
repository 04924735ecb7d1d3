"""All builds put to the test side by side: the canary's answer, and evidence on every image."""

from __future__ import annotations

import hashlib
import io
import math
from contextlib import ExitStack
from pathlib import Path
from typing import Dict, List, Mapping

from PIL import Image

from runtime.builder.data.dataset import read_image
from runtime.builder.engine.accuracy import REFERENCE, labels_of, lowest_agreement, measure_builds
from runtime.builder.engine.assemble_manifest import Findings, provisional_manifest
from runtime.builder.engine.resolve import EvaluationSet, ResolvedBuild
from runtime.builder.progress import Advance
from runtime.builder.step_cache import key_of
from runtime.files.atomic import write_whole
from runtime.image.label_map import LabelMap
from runtime.image.label_png import palette_png
from runtime.inference.backends.open_engine import open_engine
from runtime.inference.segmenter import Segmenter, segmenters_of
from runtime.repository.engine_folder import CANARY_IMAGE, CANARY_LABELS, sha256_of
from runtime.repository.manifest import Build, EngineManifest, Evidence, Precision

# Room for another processor's rounding below the agreement measured here.
CANARY_MARGIN = 0.01
CANARY_CEILING = 0.97
CANARY_FLOOR = 0.6


def evaluation_key(resolved: ResolvedBuild, builds: Mapping[Precision, Build]) -> str:
    """What the findings depend on: every build, image and label map, by content.

    Args:
        resolved: says what is measured on.
        builds: by precision.
    """
    return key_of(
        {precision: build.sha256 for precision, build in builds.items()},
        [build.backend_version for build in builds.values()],
        resolved.input.model_dump(mode="json"),
        [_content_of(evaluation_set) for evaluation_set in resolved.evaluation_sets],
        None if resolved.canary is None else sha256_of(resolved.canary),
    )


def _content_of(evaluation_set: EvaluationSet) -> List[object]:
    """The choice, and one hash of all its images and label maps."""
    digest = hashlib.sha256()
    for sample in evaluation_set.images.samples:
        for path in (sample.image, sample.labels):
            digest.update(path.read_bytes())
    return [evaluation_set.choice.model_dump(mode="json"), digest.hexdigest()]


def evaluation_parts(resolved: ResolvedBuild) -> int:
    """How often `evaluate_builds` will advance: for each labelled image, and for the canary."""
    return sum(len(each.images) for each in resolved.evaluation_sets) + 1


def evaluate_builds(
    resolved: ResolvedBuild, builds: Mapping[Precision, Build], advance: Advance
) -> Findings:
    """Opens every build with the backend that will serve it and measures them all.

    Writes the canary: the image, and the FP32 build's labels for it.

    Args:
        resolved: says what to measure on, and where the builds' files are.
        builds: by precision; `REFERENCE` is among them.
        advance: called after each labelled image, and after the canary.

    Raises:
        EngineRefused: a build cannot be opened.
        InvalidInput: an image or label map is missing or broken.
    """
    manifest = provisional_manifest(resolved, dict(builds))
    with ExitStack() as opened:
        segmenters = {
            precision: _open_segmenter(manifest, build, resolved.out, opened)
            for precision, build in builds.items()
        }
        evidence: Dict[str, List[Evidence]] = {precision: [] for precision in builds}
        for evaluation_set in resolved.evaluation_sets:
            choice = evaluation_set.choice
            measured = measure_builds(
                segmenters, evaluation_set.images, choice.name, choice.seen_in_training, advance
            )
            for precision, found in measured.items():
                evidence[precision].append(found)
        agreement = None
        if resolved.canary is not None:
            agreement = _write_canary(resolved, resolved.canary, segmenters)
        advance()
    return Findings(evidence=evidence, minimum_agreement=agreement)


def _open_segmenter(
    manifest: EngineManifest, build: Build, folder: Path, opened: ExitStack
) -> Segmenter:
    """The way that serving takes through a build, open until `opened` closes.

    All segmenters of an engine compute the same; images come one at a time, so one is enough.
    """
    engine = open_engine(manifest, build, folder / build.artefact, mode="latency")
    return segmenters_of(manifest, opened.enter_context(engine))[0]


def _write_canary(
    resolved: ResolvedBuild, path: Path, segmenters: Mapping[Precision, Segmenter]
) -> float:
    """Writes the canary and returns the agreement below which an engine is not to be trusted."""
    image = read_image(path)
    mask = labels_of(segmenters[REFERENCE], image)
    encoded = io.BytesIO()
    Image.fromarray(image).save(encoded, "PNG")
    write_whole(resolved.out / CANARY_IMAGE, encoded.getvalue())
    write_whole(resolved.out / CANARY_LABELS, palette_png(LabelMap(mask, resolved.classes)))
    lowest = lowest_agreement(list(segmenters.values()), image, mask) - CANARY_MARGIN
    return max(CANARY_FLOOR, min(CANARY_CEILING, math.floor(lowest * 100) / 100))
