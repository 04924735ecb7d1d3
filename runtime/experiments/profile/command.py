"""`runtime profile`: opens the models, profiles them in turns, writes tables and heat maps."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from torch import nn

from runtime.builder.card import card_of
from runtime.builder.checkpoint import Checkpoint, load_checkpoint
from runtime.builder.export.export import onnx_from_model
from runtime.builder.lottery.ticket_files import plan_path
from runtime.builder.pruning.latency import Prediction
from runtime.builder.pruning.plan import plan_from_file
from runtime.builder.swiftnet import Architecture
from runtime.errors import InvalidInput
from runtime.experiments.profile.encoder_alone import EncoderAlone
from runtime.experiments.profile.heat_map import write_heat_map
from runtime.experiments.profile.openvino_timing import OpenVinoTiming
from runtime.experiments.profile.profile import Profile, not_faster
from runtime.experiments.profile.profile_tables import by_backend, forward_table, level_table
from runtime.experiments.profile.runner import Model, Timed, name_of, numbered, profile_models
from runtime.experiments.profile.tensorrt_profile import profile_from_tensorrt
from runtime.experiments.profile.torch_timing import TorchTiming
from runtime.experiments.study.speed_step import machine_in_words
from runtime.experiments.table import Table
from runtime.files.atomic import write_whole
from runtime.repository.engine_folder import EngineFolder

BACKENDS = ("torch", "openvino")

Size = Tuple[int, int]


@dataclass(frozen=True)
class ProfileOptions:
    """One call of `runtime profile`.

    Attributes:
        models: checkpoints and engine folders; the first is what the others are compared with.
        backends: of `BACKENDS`; an engine folder has no torch network.
        size: rows and columns of the image; None for the input that the first model says.
        repetitions: passes that count.
        tensorrt: profiles that TensorRT wrote elsewhere, for the same tables.
        out: folder for tables and heat maps; None for none.
        names: what models are to be called, where it is not after their folder.
    """

    models: Tuple[Path, ...]
    backends: Tuple[str, ...] = BACKENDS
    size: Optional[Size] = None
    repetitions: int = 20
    tensorrt: Tuple[Path, ...] = ()
    out: Optional[Path] = None
    names: Mapping[Path, str] = field(default_factory=dict)

    def named(self) -> Dict[Path, str]:
        """The models by name, no two of them alike."""
        names = [self.names.get(path) or _name(path) for path in self.models]
        return dict(zip(self.models, numbered(names)))


def run_profile(job: ProfileOptions) -> str:
    """Profiles, writes what is to be written, and returns the tables and flags as Markdown.

    Raises:
        InvalidInput: a model or profile cannot be read, or nothing is left to profile.
    """
    profiles = [profile_from_tensorrt(path) for path in job.tensorrt]
    if job.models:
        profiles = [*profile_models(_open_models(job), job.repetitions), *profiles]
    if not profiles:
        raise InvalidInput("nothing was given to profile", "Give a checkpoint or an engine folder")
    tables = (level_table(profiles), forward_table(profiles))
    text = _page(tables, profiles, _promises(job.named()))
    if job.out is not None:
        _write(job.out, text, tables, profiles)
    return text


def _open_models(job: ProfileOptions) -> List[Tuple[Model, Timed]]:
    """Backend by backend, and within each the models in their order.

    Behind the first model stands its encoder alone, if it is a checkpoint.
    """
    folders = [path for path in job.models if path.is_dir()]
    checkpoints = {path: load_checkpoint(path) for path in job.models if path not in folders}
    names = job.named()
    size = job.size or _size_of(job.models[0], checkpoints.get(job.models[0]))
    opened: List[Tuple[Model, Timed]] = []
    if "torch" in job.backends:
        for path, checkpoint in checkpoints.items():
            model = Model(names[path], checkpoint.architecture)
            opened.append((model, TorchTiming(checkpoint.model, size)))
            if path == job.models[0]:
                opened.append((_encoder(model), TorchTiming(EncoderAlone(checkpoint.model), size)))
    if "openvino" in job.backends:
        for path in job.models:
            opened += _on_openvino(path, names[path], checkpoints.get(path), size)
            if path == job.models[0] and path in checkpoints:
                content = _graph(EncoderAlone(checkpoints[path].model), size)
                opened.append((_encoder(opened[-1][0]), OpenVinoTiming(content, size, "fp32")))
    if not opened:
        raise InvalidInput(
            "an engine folder does not hold a network for torch",
            "Leave out --backend, or give checkpoints",
        )
    return opened


def _on_openvino(
    path: Path, name: str, checkpoint: Optional[Checkpoint], size: Size
) -> List[Tuple[Model, Timed]]:
    if checkpoint is not None:
        model = Model(name, checkpoint.architecture)
        return [(model, OpenVinoTiming(_graph(checkpoint.model, size), size, "fp32"))]
    folder = EngineFolder(path)
    manifest = folder.manifest
    model = Model(name, Architecture.from_dict(manifest.model.architecture))
    own = (manifest.input.height, manifest.input.width)
    if own != size:
        raise InvalidInput(
            f"the engine {name} takes images of {own[0]}x{own[1]} but {size[0]}x{size[1]} is "
            "profiled",
            "Profile engines of one size, or give their checkpoints",
        )
    return [
        (model, OpenVinoTiming(folder.verified(build).read_bytes(), size, build.precision))
        for build in manifest.builds
        if build.backend == "openvino"
    ]


def _graph(network: nn.Module, size: Size) -> bytes:
    content: bytes = onnx_from_model(network, *size).SerializeToString()
    return content


def _encoder(model: Model) -> Model:
    return Model(_encoder_name(model.name), model.architecture)


def _encoder_name(model: str) -> str:
    return f"backbone of {model}"


def _name(path: Path) -> str:
    return name_of(path, EngineFolder(path).manifest.name if path.is_dir() else None)


def _size_of(path: Path, checkpoint: Optional[Checkpoint]) -> Size:
    spec = EngineFolder(path).manifest.input if checkpoint is None else card_of(checkpoint).input
    return spec.height, spec.width


def _promises(models: Mapping[Path, str]) -> Dict[str, Prediction]:
    """What plans for a budget of milliseconds promised, by the name of the pruned model."""
    plans = {
        name: plan_from_file(plan_path(path))
        for path, name in models.items()
        if plan_path(path).is_file()
    }
    return {name: plan.latency for name, plan in plans.items() if plan.latency is not None}


def _kept_promises(profiles: Sequence[Profile], promises: Dict[str, Prediction]) -> List[str]:
    lines: List[str] = []
    for backend, group in by_backend(profiles).items():
        for profile in group[1:]:
            promise = promises.get(profile.model)
            if promise is not None:
                foretold = promise.predicted_ms / promise.whole_ms
                share = profile.forward.mean / group[0].forward.mean
                lines.append(
                    f"{profile.model}: the table of {promise.backend} foretold "
                    f"{promise.predicted_ms:.2f} ms, {foretold:.0%} of the whole network's time; "
                    f"it is {share:.0%}, {profile.forward.mean:.2f} ms, on {backend}"
                )
    return lines


def _page(
    tables: Sequence[Table], profiles: Sequence[Profile], promises: Dict[str, Prediction]
) -> str:
    lines: List[str] = []
    for table in tables:
        lines += [f"{table.title}:", "", table.markdown()]
    lines += [f"- {line}" for line in _kept_promises(profiles, promises)]
    flags = flags_of(profiles)
    lines += [f"- {flag}" for flag in flags]
    if any(profile.narrowed for profile in profiles) and not flags:
        lines.append("No pruned block is as slow as before.")
    passes = profiles[0].forward.count
    note = (
        f"Medians of {passes} passes on {machine_in_words()}, models in turns; behind the forward "
        "pass the 10th and 90th percentile: differences inside them are noise, and other work on "
        "the machine widens them. A profiler slows a pass down, so the layers' sum is not the "
        "forward pass."
    )
    lines += ["", note]
    return "\n".join(lines) + "\n"


def flags_of(profiles: Sequence[Profile]) -> List[str]:
    """What `not_faster` says of every model but the first of its backend, and that one's encoder.

    The encoder alone is a part of the first model: that it is faster was not asked of it.
    """
    return [
        flag
        for first, *others in by_backend(profiles).values()
        for profile in others
        if profile.model != _encoder_name(first.model)
        for flag in not_faster(profile, first)
    ]


def _write(out: Path, text: str, tables: Sequence[Table], profiles: Sequence[Profile]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    groups = by_backend(profiles)
    images = {backend: f"{backend.replace(' ', '-')}.png" for backend in groups}
    shown = "\n".join(f"![{backend}]({name})" for backend, name in images.items())
    files = {"profile.md": f"# Profile\n\n{text}\n{shown}\n"}
    files.update({f"{table.name}.csv": table.csv() for table in tables})
    for name, content in files.items():
        write_whole(out / name, content.encode())
    for backend, group in groups.items():
        write_heat_map(group, out / images[backend])
