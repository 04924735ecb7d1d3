"""`runtime segment`: images, folders and videos to masks and overlays on disk."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

HELP = "segment images or a video into a folder"
# Relative to a checkout of the project, where users begin.
DEMO_ENGINE = Path("engines/camvid-demo")


def add_arguments(parser: ArgumentParser) -> None:
    """What to segment, with what, into which folder."""
    parser.add_argument(
        "source", type=Path, metavar="INPUT", help="an image, a folder of images, or a video"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FOLDER",
        required=True,
        help="where masks and overlays go; a run that broke off is continued",
    )
    parser.add_argument(
        "--engine",
        type=Path,
        metavar="ENGINE_FOLDER",
        default=DEMO_ENGINE,
        help="folder of the engine [%(default)s]",
    )
    parser.add_argument("--precision", choices=("fp32", "fp16", "int8"), help="which build to run")
    parser.add_argument(
        "--opacity", type=float, default=0.5, help="cover of the mask's colours [%(default)s]"
    )
    parser.add_argument(
        "--quality", type=int, default=80, help="JPEG quality of overlays [%(default)s]"
    )
    parser.add_argument(
        "--label-maps", action="store_true", help="keep the label map of every frame of a video"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="make everything anew instead of continuing"
    )


def run(arguments: Namespace) -> None:
    """Segments all of it, or says at the end what could not be.

    Raises:
        RuntimeFault: the engine or an input cannot be used.
    """
    from runtime.batch.options import BatchOptions
    from runtime.batch.progress import console_progress
    from runtime.batch.run import segment_path
    from runtime.device.machine import this_machine
    from runtime.image.mask_formats import EncodeOptions
    from runtime.inference.backends.open_engine import open_engine
    from runtime.inference.segmenter import segmenters_of
    from runtime.repository.choose_build import choose_build
    from runtime.repository.engine_folder import EngineFolder

    encode = EncodeOptions(opacity=arguments.opacity, quality=arguments.quality)
    options = BatchOptions(encode, arguments.label_maps, arguments.overwrite)
    folder = EngineFolder(arguments.engine)
    build = choose_build(folder, this_machine(), arguments.precision)
    manifest, artefact = folder.manifest, folder.verified(build)
    with open_engine(manifest, build, artefact) as engine, console_progress() as progress:
        segmenters = segmenters_of(manifest, engine)
        report = segment_path(
            arguments.source, arguments.output, segmenters, build, options, progress
        )
    hidden = f", {report.hidden} hidden left out" if report.hidden else ""
    sys.stdout.write(f"{report.done} segmented, {report.skipped} finished earlier{hidden}\n")
    sys.stdout.writelines(f"{note}\n" for note in report.notes)
    report.require_complete()
