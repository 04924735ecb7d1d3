"""The step that judges the builds of an engine on one set of images, as they are served."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Dict, Tuple

from runtime.builder.data.layouts import open_dataset
from runtime.builder.engine.accuracy import judge_builds
from runtime.experiments.study.recipe import JudgedChoice
from runtime.experiments.study.step import Job, Made
from runtime.inference.backends.open_engine import open_engine
from runtime.inference.segmenter import Segmenter, segmenters_of
from runtime.repository.engine_folder import EngineFolder
from runtime.repository.manifest import Precision


def judge(job: Job, _: Path) -> Made:
    """Compares the labels of every build with the truth, and with those of the FP32 build.

    Raises:
        RuntimeFault: a build cannot be opened, or an image is broken.
    """
    precisions: Tuple[Precision, ...] = tuple(job.parameters["precisions"])
    choice = JudgedChoice.model_validate(job.how["judged"])
    images = choice.of(open_dataset(Path(job.how["dataset"])))
    with ExitStack() as opened:
        segmenters: Dict[Precision, Segmenter] = {}
        for precision in precisions:
            artefact = job.inputs[precision]
            manifest = EngineFolder(artefact.parent).manifest
            build = next(b for b in manifest.builds if b.artefact == artefact.name)
            # A segmenter of this mode has one thread, as other steps run meanwhile.
            engine = open_engine(manifest, build, artefact, mode="throughput")
            segmenters[precision] = segmenters_of(manifest, opened.enter_context(engine))[0]
        reports, agreement = judge_builds(segmenters, images)
    return (), {
        "accuracy": {name: report.model_dump(mode="json") for name, report in reports.items()},
        "agreement": agreement,
    }
