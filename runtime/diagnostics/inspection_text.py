"""An inspection as it is printed: everything within 80 columns."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Mapping, Sequence, Tuple

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from runtime.device.machine import Machine
from runtime.diagnostics.inspection import InspectedBuild, InspectedFile, Inspection
from runtime.repository.manifest import Build, EngineManifest, Evidence

SHORT_HASH = 12
MEGABYTE = 1e6
# As many columns of IoU as leave room for the names of classes.
MEASUREMENTS_ABREAST = 4
# Of the architecture, what the input and the classes say as well.
TOLD_ELSEWHERE = ("classes", "mean", "std")

Measurement = Tuple[str, Evidence]


def page(inspection: Inspection) -> RenderableType:
    """The whole of it, top to bottom as a reader asks: what, where, how good, from what."""
    manifest = inspection.manifest
    parts: List[RenderableType] = [
        Text(manifest.name, style="bold"),
        _facts(model_facts(manifest)),
        _heading("Builds"),
        *_builds(inspection),
        _heading("This machine"),
        _facts(machine_facts(inspection.machine)),
    ]
    measurements = list(measurements_of(manifest))
    if measurements:
        parts += [_heading("Evidence"), _evidence(measurements)]
    parts += [_heading("Classes"), *_classes(manifest, measurements)]
    if any(build.calibration or build.settings for build in manifest.builds):
        parts += [_heading("How it was built"), *_making(manifest)]
    if inspection.further_files:
        parts += [_heading("Further files"), _files(inspection.further_files)]
    return Group(*parts)


def model_facts(manifest: EngineManifest) -> Dict[str, str]:
    """What the network is, takes and gives, by name."""
    model, taken, given = manifest.model, manifest.input, manifest.output
    source = manifest.provenance
    return {
        "model": model.family,
        **{
            key: described(value)
            for key, value in model.architecture.items()
            if key not in TOLD_ELSEWHERE
        },
        "parameters": f"{model.parameters:,}",
        "multiply-adds": f"{model.macs / 1e9:.2f} GMACs",
        "input": f"{taken.width} wide, {taken.height} high, {taken.geometry}, "
        f"{taken.resampling}, {taken.colour_order}",
        "normalised": f"mean {described(taken.mean)}; deviation {described(taken.std)}",
        "padding": f"colour {described(taken.pad)}",
        "logits": f"{given.width} wide, {given.height} high, "
        f"of {len(manifest.classes.names)} classes",
        "built": f"{source.created_at} by runtime {source.runtime_version}",
        "checkpoint": source.checkpoint_sha256[:SHORT_HASH],
        "recipe": source.recipe_sha256[:SHORT_HASH],
    }


def machine_facts(machine: Machine) -> Dict[str, str]:
    """What this machine is, by name."""
    facts = {"processor": machine.architecture}
    if machine.jetson is not None:
        release = f"L4T {machine.jetson.l4t or 'unknown'}"
        jetpack = machine.jetson.jetpack
        facts["Jetson"] = ", ".join(
            filter(None, (machine.jetson.board, release, jetpack and f"JetPack {jetpack}"))
        )
    if machine.gpu is None:
        facts["GPU"] = f"none: {machine.no_gpu}" if machine.no_gpu else "none"
    else:
        kind = "integrated" if machine.gpu.integrated else "discrete"
        memory = f"{machine.gpu.memory / 2**30:.1f} GiB"
        capability = f"compute capability {machine.gpu.compute_capability}"
        facts["GPU"] = f"{machine.gpu.name}, {capability}, {memory}, {kind}"
    if machine.cuda is not None:
        facts["driver"] = f"for CUDA up to {machine.cuda}"
    installed = [f"{name} {version}" for name, version in machine.backends.items()]
    facts["backends"] = ", ".join(installed) or "none"
    return facts


def described(value: object) -> str:
    """A value of a manifest in words: no brackets, no quotes."""
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return "; ".join(f"{key} {described(item)}" for key, item in value.items()) or "none"
    if isinstance(value, Sequence) and not isinstance(value, str):
        nested = any(isinstance(item, Sequence) and not isinstance(item, str) for item in value)
        return (" / " if nested else " ").join(described(item) for item in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def measurements_of(manifest: EngineManifest) -> Iterator[Measurement]:
    """Every measurement with the build that it is of, or, for a plan, whose twin it is of."""
    for build in manifest.builds:
        for evidence in build.evidence:
            yield f"{build.precision} {build.backend}", evidence
        for evidence in build.portable_evidence:
            yield f"{build.precision} {build.backend}*", evidence


def _heading(words: str) -> RenderableType:
    return Padding(Text(words, style="bold"), (1, 0, 0, 0))


def _facts(facts: Mapping[str, str], literal: bool = False) -> Table:
    """Two columns; the names' underscores become spaces unless they are literal."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", overflow="fold")
    table.add_column(overflow="fold")
    for name, fact in facts.items():
        shown = name if literal else name.replace("_", " ")
        table.add_row(f"  {shown}", Text(fact))
    return table


def _builds(inspection: Inspection) -> Iterator[RenderableType]:
    """A block for each build, since names of plans are long."""
    for inspected in inspection.builds:
        build = inspected.build
        state = inspected.file.problem or inspected.file.state
        yield Text(f"  {build.artefact}", style="bold")
        yield _facts(
            {
                "  computes": f"{build.precision} on {build.backend} {build.backend_version}",
                "  made for": _target(build),
                "  size": f"{build.size / MEGABYTE:.1f} MB",
                "  SHA-256": f"{build.sha256[:SHORT_HASH]}, {state}",
                "  here": _fate(inspected),
            }
        )
    if inspection.refusal is not None:
        yield _indented(Text(f"{inspection.refusal.cure}.", style="bold"))


def _fate(inspected: InspectedBuild) -> str:
    if inspected.chosen:
        return "would be served"
    if inspected.misfit is None:
        return "could be served, but another is preferred"
    return f"cannot run: it {inspected.misfit}"


def _target(build: Build) -> str:
    if build.compute_capability is None:
        return "any machine"
    return f"{build.device or 'any GPU'}, compute capability {build.compute_capability}"


def _files(files: Sequence[InspectedFile]) -> Table:
    return _facts({file.name: file.problem or file.state for file in files}, literal=True)


def _indented(part: RenderableType) -> RenderableType:
    return Padding(part, (0, 0, 0, 2))


def _evidence(measurements: Sequence[Measurement]) -> Table:
    table = _table("build", "measured on", "images>", "mIoU>", "to FP32>", "agreement>")
    for name, found in measurements:
        seen = ", seen in training" if found.seen_in_training else ""
        change = None if found.reference_miou is None else found.miou - found.reference_miou
        table.add_row(
            name,
            f"{found.dataset} {found.split}{seen}",
            str(found.images),
            f"{100 * found.miou:.2f}",
            "" if change is None else f"{100 * change:+.2f}",
            "" if found.agreement is None else f"{found.agreement:.2%}",
        )
    if any(name.endswith("*") for name, _ in measurements):
        table.caption = "* measured on the portable build that the plan was made from"
        table.caption_justify = "left"
    return table


def _classes(
    manifest: EngineManifest, measurements: Sequence[Measurement]
) -> Iterator[RenderableType]:
    """Colours and IoU of every class; as many tables as the measurements need."""
    classes = manifest.classes
    # What a plan may be expected to reach is most often a column already: that of its twin.
    own = [found for name, found in measurements if not name.endswith("*")]
    measurements = [m for m in measurements if not m[0].endswith("*") or m[1] not in own]
    for start in range(0, max(1, len(measurements)), MEASUREMENTS_ABREAST):
        abreast = measurements[start : start + MEASUREMENTS_ABREAST]
        headings = [f"{name}, {found.split}>" for name, found in abreast]
        table = _table("id>", "colour", "class", *headings)
        yield from [Text()] if start else []
        for number, (name, colour) in enumerate(zip(classes.names, classes.palette)):
            value = "#{:02x}{:02x}{:02x}".format(*colour)
            swatch = Text.assemble(("  ", f"on {value}"), " ", value)
            ious = [_iou(found.iou.get(name)) for _, found in abreast]
            table.add_row(str(number), swatch, name, *ious)
        yield table


def _iou(value: Any) -> str:
    return "absent" if value is None else f"{100 * value:.1f}"


def _making(manifest: EngineManifest) -> Iterator[RenderableType]:
    for build in manifest.builds:
        facts = {}
        found = build.calibration
        if found is not None:
            facts["  calibrated"] = f"on {found.images} images of {found.name}, rule {found.rule}"
            facts["  images"] = found.images_sha256[:SHORT_HASH]
            facts["  ranges"] = found.ranges_sha256[:SHORT_HASH]
        facts.update({f"  {name}": described(value) for name, value in build.settings.items()})
        if facts:
            yield Text(f"  {build.artefact}", style="bold")
            yield _facts(facts)


def _table(*headings: str) -> Table:
    """Columns named by headings; one that ends with > holds numbers."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    for heading in headings:
        justify = "right" if heading.endswith(">") else "left"
        table.add_column(heading.rstrip(">"), justify=justify, overflow="fold")  # type: ignore[arg-type]
    return table
