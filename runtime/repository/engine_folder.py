"""Engine folders on disk: the name of every artefact, and the checks before anything is loaded.

Nothing here deserialises an engine. A file is handed out after its size and hash proved to be what
the manifest says; everything else is refused with the command that rebuilds it.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from runtime.errors import EngineRefused, OutputFailed
from runtime.files.atomic import write_whole
from runtime.repository.manifest import (
    MANIFEST_NAME,
    Build,
    EngineManifest,
    Precision,
    manifest_from_file,
)

RECIPE_NAME = "recipe.toml"
FLOAT_MODEL = "model.onnx"
HALF_MODEL = "model.fp16.onnx"
INT8_MODEL = "model.int8.onnx"
INT8_HALF_MODEL = "model.int8.fp16.onnx"
CALIBRATION_CACHE = "calibration.cache"
LABELS_MODELS: Dict[Precision, str] = {
    "fp32": "model.labels.onnx",
    "int8": "model.int8.labels.onnx",
}
CANARY_IMAGE = "canary.png"
CANARY_LABELS = "canary.labels.png"
BUILD_STATE = "build-state.json"

_CHUNK = 1 << 20


class EngineFolder:
    """One engine on disk.

    Args:
        path: the folder; it need not exist until something is read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def recipe(self) -> Path:
        """Where the recipe lies."""
        return self.path / RECIPE_NAME

    @property
    def manifest_path(self) -> Path:
        """Where the manifest lies."""
        return self.path / MANIFEST_NAME

    @cached_property
    def manifest(self) -> EngineManifest:
        """The manifest, read and checked at the first access.

        Raises:
            EngineRefused: it is missing, broken or of another format version.
        """
        return manifest_from_file(self.manifest_path)

    def rebuild_command(self, precision: Optional[str] = None) -> str:
        """The command that makes this folder's builds, or one of them, anew."""
        flag = "" if precision is None else f" --{precision}"
        return f"runtime build-engine --recipe {self.recipe}{flag}"

    def plan_command(self, precision: Optional[str] = None) -> str:
        """The command that builds this folder's TensorRT plans for the machine it is run on."""
        flag = "" if precision is None else f" --{precision}"
        return f"runtime build-engine --folder {self.path} --tensorrt{flag}"

    def path_of(self, build: Build) -> Path:
        """Where a build's artefact lies, unchecked."""
        return self.path / build.artefact

    def verified(self, build: Build) -> Path:
        """The path of a build's artefact, which is what the manifest says.

        Raises:
            EngineRefused: it is missing, leads out of the folder, or has another size or hash.
        """
        path = self.path_of(build)
        portable = build.compute_capability is None
        command = self.rebuild_command if portable else self.plan_command
        cure = f"Rebuild it with `{command(build.precision)}`"
        self._require_file(path, cure)
        size = path.stat().st_size
        if size != build.size:
            raise EngineRefused(
                f"{path} has {size} bytes, the manifest says {build.size}",
                cure,
            )
        _require_hash(path, build.sha256, cure)
        return path

    def plan_source(self, name: str) -> Optional[Path]:
        """A file that plans are built from, verified; None if the manifest does not know it.

        Raises:
            EngineRefused: it is missing, leads out of the folder, or has another hash.
        """
        for build in self.manifest.builds:
            if build.artefact == name:
                return self.verified(build)
        if name not in self.manifest.plan_sources:
            return None
        return self.verified_file(name, self.manifest.plan_sources[name])

    def verified_file(self, name: str, sha256: str) -> Path:
        """The path of a file that has a known hash.

        Raises:
            EngineRefused: it is missing, leads out of the folder, or has another hash.
        """
        path = self.path / name
        cure = f"Rebuild it with `{self.rebuild_command()}`"
        self._require_file(path, cure)
        _require_hash(path, sha256, cure)
        return path

    def canary(self) -> Optional[Tuple[Path, Path]]:
        """The image with a known answer and its labels, both verified; None if there are none.

        Raises:
            EngineRefused: the manifest names them, but they are missing or changed.
        """
        canary = self.manifest.canary
        if canary is None:
            return None
        image = self.verified_file(canary.image, canary.image_sha256)
        return image, self.verified_file(canary.labels, canary.labels_sha256)

    def write(self, name: str, content: bytes) -> Path:
        """Writes a file that is there whole or not at all, and returns its path.

        Raises:
            OutputFailed: no room or no right to write.
        """
        path = self.path / name
        try:
            write_whole(path, content)
        except OSError as error:
            raise OutputFailed(
                f"{path} cannot be written: {error.strerror}",
                "Free disk space, or build into another folder with --out",
            ) from error
        return path

    def _require_file(self, path: Path, cure: str) -> None:
        if not path.is_file():
            raise EngineRefused(f"{path}, which the manifest names, does not exist", cure)
        if path.resolve().parent != self.path.resolve():
            raise EngineRefused(
                f"{path} leads out of its engine folder, to {path.resolve()}",
                "Put the file itself into the folder: a manifest vouches for what lies beside it",
            )


def sha256_of(path: Path) -> str:
    """The hash of a file's content, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for piece in iter(lambda: file.read(_CHUNK), b""):
            digest.update(piece)
    return digest.hexdigest()


def _require_hash(path: Path, expected: str, cure: str) -> None:
    actual = sha256_of(path)
    if actual != expected:
        raise EngineRefused(
            f"{path} has the hash {actual[:12]}, the manifest says {expected[:12]}: "
            "it was changed or damaged after it was built",
            cure,
        )


class Repository:
    """A folder of engine folders.

    Args:
        root: usually `engines/`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def names(self) -> List[str]:
        """Engines that were built, sorted; folders that hold a recipe alone are not among them."""
        if not self.root.is_dir():
            return []
        return sorted(p.name for p in self.root.iterdir() if (p / MANIFEST_NAME).is_file())

    def folder(self, name: str) -> EngineFolder:
        """The folder of a built engine.

        Raises:
            EngineRefused: there is none of this name.
        """
        if name not in self.names():
            built = ", ".join(self.names()) or "none"
            raise EngineRefused(
                f"there is no engine {name!r} in {self.root}; there are: {built}",
                f"Build it with `runtime build-engine --recipe {self.root / name / RECIPE_NAME}`",
            )
        return EngineFolder(self.root / name)
