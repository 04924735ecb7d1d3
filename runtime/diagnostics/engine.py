"""Whether an engine is whole, would run here, and labels its canary as when it was built."""

from __future__ import annotations

from typing import Iterator, Optional

from runtime.diagnostics.finding import Finding, ok, problem, warning
from runtime.diagnostics.inspection import InspectedBuild, Inspection, inspect_engine
from runtime.diagnostics.probe import Surroundings
from runtime.errors import EngineRefused, RuntimeFault
from runtime.repository.choose_build import PLAN_BACKENDS
from runtime.repository.engine_folder import EngineFolder
from runtime.repository.manifest import Build, EngineManifest

BYTES_OF_FLOAT = 4


def fit(here: Surroundings) -> Iterator[Finding]:
    """Its files, the build that would be served, and what stands against the others."""
    if here.engine is None:
        return
    try:
        inspection = inspect_engine(here.engine, here.machine, verify=True)
        inspection.require_intact()
    except EngineRefused as refused:
        yield problem("engine", refused.problem, refused.cure)
        return
    yield ok("engine", f"{inspection.manifest.name}: every file is what the manifest says")
    if inspection.refusal is not None:
        yield problem("build", inspection.refusal.problem, inspection.refusal.cure)
    for inspected in inspection.builds:
        yield from _fate(inspection, inspected)


def memory(here: Surroundings) -> Iterator[Finding]:
    """The least that the chosen build takes, against what is free."""
    chosen = _chosen(here)
    if here.engine is None or chosen is None:
        return
    needed = least_memory(here.engine.manifest, chosen)
    says = f"{chosen.artefact} takes at least {needed / 1e6:.0f} MB"
    known = here.text("proc/meminfo") or ""
    free = next((int(w.split()[1]) for w in known.splitlines() if w.startswith("MemAvail")), None)
    if free is not None and free * 1024 < needed:
        yield problem(
            "engine memory",
            f"{says}, of which {free * 1024 / 1e6:.0f} MB are free",
            "Stop other programs, or build a smaller network",
        )
    else:
        yield ok("engine memory", says)


def answer(here: Surroundings) -> Iterator[Finding]:
    """How the engine labels its canary, an image with a known mask; run only when asked for."""
    chosen = _chosen(here)
    if here.engine is None or chosen is None or not here.run:
        return
    try:
        agreement = _agreement(here.engine, chosen)
    except RuntimeFault as fault:
        yield problem("canary", fault.problem, fault.cure)
        return
    canary = here.engine.manifest.canary
    if agreement is None or canary is None:
        yield warning(
            "canary",
            "the engine has none, so wrong answers would not be noticed",
            f"Rebuild it with `{here.engine.rebuild_command()}`",
        )
    elif agreement < canary.minimum_agreement:
        yield problem(
            "canary",
            f"{agreement:.2%} of its pixels are as they should be",
            f"Rebuild the engine here with `{here.engine.rebuild_command()}`",
        )
    else:
        yield ok("canary", f"{agreement:.2%} of its pixels are as they should be")


def least_memory(manifest: EngineManifest, build: Build) -> int:
    """Bytes of the weights and of one frame's input, logits and labels; backends take more.

    Args:
        manifest: shapes of input and output.
        build: whose artefact holds the weights.
    """
    taken, given = manifest.input, manifest.output
    pixels, cells = taken.height * taken.width, given.height * given.width
    floats = 3 * pixels + len(manifest.classes.names) * cells
    return build.size + BYTES_OF_FLOAT * floats + pixels


def _chosen(here: Surroundings) -> Optional[Build]:
    if here.engine is None or not here.engine.manifest_path.is_file():
        return None
    builds = inspect_engine(here.engine, here.machine).builds
    return next((inspected.build for inspected in builds if inspected.chosen), None)


def _fate(inspection: Inspection, inspected: InspectedBuild) -> Iterator[Finding]:
    build, folder = inspected.build, inspection.folder
    if inspected.chosen:
        yield ok("build", f"{build.artefact} ({build.precision}, {build.backend}) would be served")
        yield from _backend(inspection, build)
        if not build.evidence:
            yield warning(
                "evidence",
                f"nobody measured how good {build.artefact} is",
                f"Measure it with `runtime evaluate {folder.path} DATASET`",
            )
    elif inspected.misfit is not None and build.compute_capability is not None:
        yield warning(
            "build",
            f"{build.artefact} {inspected.misfit}",
            f"Build one here with `{folder.plan_command(build.precision)}`",
        )


def _backend(inspection: Inspection, build: Build) -> Iterator[Finding]:
    machine = inspection.machine
    on_gpu = build.backend in PLAN_BACKENDS
    if not on_gpu and machine.gpu is not None and set(PLAN_BACKENDS) & set(machine.backends):
        yield warning(
            "build",
            f"it runs on the processor, although {machine.gpu.name} is here",
            f"Build a plan with `{inspection.folder.plan_command()}`",
        )


def _agreement(folder: EngineFolder, build: Build) -> Optional[float]:
    """Share of the canary's pixels labelled as they should be, 0 to 1; None without a canary."""
    from runtime.inference.backends.open_engine import open_engine
    from runtime.inference.canary import read_canary
    from runtime.inference.segmenter import segmenters_of

    canary = read_canary(folder)
    if canary is None:
        return None
    with open_engine(folder.manifest, build, folder.verified(build), "latency") as engine:
        # The way that the daemon serves: where the engine has pipelines, its slot proves nothing.
        return canary.agreement(segmenters_of(folder.manifest, engine)[0])
