"""All that an engine folder says of itself, and what this machine would make of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Callable, Dict, Optional, Tuple

from typing_extensions import Literal

from runtime.device.machine import Machine
from runtime.errors import EngineRefused
from runtime.repository.choose_build import choose_build, misfit
from runtime.repository.engine_folder import EngineFolder
from runtime.repository.manifest import Build, EngineManifest

FileState = Literal["verified", "present", "broken"]


@dataclass(frozen=True)
class InspectedFile:
    """A file that the manifest vouches for.

    Attributes:
        name: within the engine folder.
        state: "verified" where its hash is what the manifest says, "present" where that was not
            looked at, else "broken".
        problem: what is broken; None otherwise.
    """

    name: str
    state: FileState
    problem: Optional[str] = None


@dataclass(frozen=True)
class InspectedBuild:
    """One build, and whether it would run here.

    Attributes:
        build: as the manifest has it.
        file: its artefact.
        misfit: why it cannot run on this machine; None if it can.
        chosen: whether it is the one that would be served here.
    """

    build: Build
    file: InspectedFile
    misfit: Optional[str]
    chosen: bool


@dataclass(frozen=True)
class Inspection:
    """An engine folder, looked at on a machine.

    Attributes:
        folder: the engine.
        machine: where it was looked at.
        builds: every build of the manifest, in its order.
        further_files: the canary and what plans are built from.
        refusal: why no build is chosen, and the command that makes one; None if one is.
    """

    folder: EngineFolder
    machine: Machine
    builds: Tuple[InspectedBuild, ...]
    further_files: Tuple[InspectedFile, ...]
    refusal: Optional[EngineRefused]

    @property
    def manifest(self) -> EngineManifest:
        """What the engine says of itself."""
        return self.folder.manifest

    def require_intact(self) -> None:
        """Fails where a file is not what the manifest says.

        Raises:
            EngineRefused: it names every broken file.
        """
        files = [*(inspected.file for inspected in self.builds), *self.further_files]
        broken = [file.problem for file in files if file.problem is not None]
        if broken:
            raise EngineRefused(
                "; ".join(broken), f"Rebuild it with `{self.folder.rebuild_command()}`"
            )

    def as_json(self) -> Dict[str, Any]:
        """All of it in plain values: the manifest, the files' states, the machine, the choice."""
        return {
            "folder": str(self.folder.path),
            "manifest": self.manifest.model_dump(mode="json"),
            "machine": asdict(self.machine),
            "builds": [
                {
                    "artefact": inspected.build.artefact,
                    "state": inspected.file.state,
                    "problem": inspected.file.problem,
                    "misfit": inspected.misfit,
                    "chosen": inspected.chosen,
                }
                for inspected in self.builds
            ],
            "further_files": [asdict(file) for file in self.further_files],
            "refusal": None if self.refusal is None else str(self.refusal),
        }


def inspect_engine(folder: EngineFolder, machine: Machine, verify: bool = False) -> Inspection:
    """Looks at an engine folder; nothing of it is loaded.

    Args:
        folder: of the engine.
        machine: what could run it.
        verify: read every file for its hash, instead of only looking for it.

    Raises:
        EngineRefused: it has no manifest that can be read.
    """
    chosen: Optional[Build] = None
    refusal: Optional[EngineRefused] = None
    try:
        chosen = choose_build(folder, machine)
    except EngineRefused as refused:
        if not folder.manifest_path.is_file():
            raise
        refusal = refused
    builds = tuple(
        InspectedBuild(
            build,
            _inspected(folder, build.artefact, partial(folder.verified, build), verify),
            misfit(build, machine),
            build is chosen,
        )
        for build in folder.manifest.builds
    )
    return Inspection(folder, machine, builds, _further_files(folder, verify), refusal)


def _further_files(folder: EngineFolder, verify: bool) -> Tuple[InspectedFile, ...]:
    canary, hashes = folder.manifest.canary, dict(folder.manifest.plan_sources)
    if canary is not None:
        hashes[canary.image] = canary.image_sha256
        hashes[canary.labels] = canary.labels_sha256
    return tuple(
        _inspected(folder, name, partial(folder.verified_file, name, sha256), verify)
        for name, sha256 in sorted(hashes.items())
    )


def _inspected(
    folder: EngineFolder, name: str, check: Callable[[], object], verify: bool
) -> InspectedFile:
    if not verify:
        there = (folder.path / name).is_file()
        problem = None if there else f"{folder.path / name} does not exist"
        return InspectedFile(name, "present" if there else "broken", problem)
    try:
        check()
    except EngineRefused as refused:
        return InspectedFile(name, "broken", refused.problem)
    return InspectedFile(name, "verified")
