"""OpenVINO on the CPU: preprocessing inside the graph, a request per slot, no copies.

The graph takes normalised planar float32 and ends at planar logits. Colour order, mean, deviation
and both transpositions are added to it here from the manifest, so a slot's buffers hold the resized
image as OpenCV made it and the logits as `postprocess` reads them.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any, Dict, Optional, Sequence, Type

import numpy as np
import openvino as ov
from openvino import properties
from openvino.preprocess import ColorFormat, PrePostProcessor
from openvino.properties import hint

from runtime.errors import EngineFailed, EngineRefused
from runtime.inference.backends.openvino_core import openvino_core
from runtime.inference.engine import Mode, TensorSpec, input_tensor, output_tensor
from runtime.repository.manifest import Build, EngineManifest

DEVICE = "CPU"


class OpenVinoEngine:
    """A compiled ONNX file; nothing is read before the `with` block.

    Args:
        manifest: geometry, normalisation and classes.
        build: its precision; fp32 and int8 compute what is not quantized in exact float32, fp16 in
            the processor's 16-bit floats where it has them.
        artefact: the ONNX file; its hash was checked by the caller.
        mode: "latency" gives one slot all cores, "throughput" one slot per core.
    """

    def __init__(self, manifest: EngineManifest, build: Build, artefact: Path, mode: Mode) -> None:
        self.input: TensorSpec = input_tensor(manifest)
        self.output: TensorSpec = output_tensor(manifest)
        self.slots: Sequence[OpenVinoSlot] = ()
        self._manifest = manifest
        self._build = build
        self._artefact = artefact
        self._mode = mode

    def __enter__(self) -> OpenVinoEngine:
        """Reads and compiles the graph and makes the slots.

        Raises:
            EngineRefused: OpenVINO cannot read or compile it, or its shapes are not the manifest's.
        """
        core = openvino_core()
        try:
            model = core.read_model(str(self._artefact))
            self._refuse_other_shapes(model)
            model = with_planes_last(with_preprocessing(model, self._manifest))
            settings = compile_settings(core, self._build, self._mode)
            compiled = core.compile_model(model, DEVICE, settings)
        except RuntimeError as error:
            raise EngineRefused(
                f"OpenVINO {ov.get_version()} cannot run {self._artefact}: {_reason(error)}",
                f"Rebuild engine {self._manifest.name} with `runtime build-engine`",
            ) from error
        count = 1 if self._mode == "latency" else _cores()
        self.slots = tuple(OpenVinoSlot(compiled, self.input, self.output) for _ in range(count))
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        for slot in self.slots:
            slot.close()
        self.slots = ()

    def _refuse_other_shapes(self, model: ov.Model) -> None:
        spec, grid = self._manifest.input, self._manifest.output
        expected = [
            [1, 3, spec.height, spec.width],
            [1, len(self._manifest.classes.names), grid.height, grid.width],
        ]
        ports = [*model.inputs, *model.outputs]
        found = [list(p.shape) if p.partial_shape.is_static else p.partial_shape for p in ports]
        if found != expected:
            raise EngineRefused(
                f"{self._artefact} takes and gives {found}, its manifest says {expected}",
                f"Rebuild engine {self._manifest.name} with `runtime build-engine`",
            )


class OpenVinoSlot:
    """One infer request on buffers of its own; see `engine.Slot`."""

    def __init__(self, compiled: ov.CompiledModel, given: TensorSpec, taken: TensorSpec) -> None:
        self.input: np.ndarray = np.zeros(given.shape, np.uint8)
        self.output: np.ndarray = np.zeros(taken.shape, np.float32)
        self._request: Optional[ov.InferRequest] = compiled.create_infer_request()
        self._request.set_input_tensor(ov.Tensor(self.input[None], shared_memory=True))
        self._request.set_output_tensor(ov.Tensor(self.output[None], shared_memory=True))

    def run(self) -> None:
        """Computes in the calling thread and the engine's; the interpreter's lock is free."""
        if self._request is None:
            raise EngineFailed("the engine is closed", "Run it inside its `with` block")
        try:
            # Unshared outputs would be copied once more, into arrays nobody reads.
            self._request.infer(share_outputs=True)
        except RuntimeError as error:
            raise EngineFailed(
                f"OpenVINO stopped computing: {_reason(error)}", "Restart the daemon"
            ) from error

    def close(self) -> None:
        """Lets go of the request; the buffers stay readable."""
        self._request = None


def with_preprocessing(model: ov.Model, manifest: EngineManifest) -> ov.Model:
    """Lets a graph of normalised planes take what `preprocess.cpu` makes: NHWC uint8 BGR.

    Args:
        model: takes (1, 3, height, width) float32.
        manifest: colour order, mean and deviation.
    """
    spec = manifest.input
    steps = PrePostProcessor(model)
    steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    steps.input().tensor().set_color_format(ColorFormat.BGR)
    steps.input().model().set_layout(ov.Layout("NCHW"))
    preparation = steps.input().preprocess().convert_element_type(ov.Type.f32)
    if spec.colour_order == "rgb":
        preparation.convert_color(ColorFormat.RGB)
    preparation.mean(list(spec.mean)).scale(list(spec.std))
    return steps.build()


def with_planes_last(model: ov.Model) -> ov.Model:
    """Lets a graph give its logits as `postprocess` reads them: NHWC float32."""
    steps = PrePostProcessor(model)
    steps.output().model().set_layout(ov.Layout("NCHW"))
    steps.output().tensor().set_element_type(ov.Type.f32).set_layout(ov.Layout("NHWC"))
    return steps.build()


def compile_settings(core: ov.Core, build: Build, mode: Mode) -> Dict[Any, Any]:
    """How a build is compiled in a mode.

    Args:
        core: whose CPU plugin is asked what it can.
        build: its settings and precision.
        mode: "latency" for one slot with all cores, "throughput" for one per core.
    """
    latency = mode == "latency"
    hints = hint.PerformanceMode
    return {
        hint.performance_mode: hints.LATENCY if latency else hints.THROUGHPUT,
        properties.num_streams: 1 if latency else _cores(),
        properties.inference_num_threads: _cores(),
        # Pinned processes side by side share one core and leave the others idle.
        hint.enable_cpu_pinning: False,
        hint.inference_precision: _float_type(build, core),
    }


def _float_type(build: Build, core: ov.Core) -> ov.Type:
    # Left to itself OpenVINO computes fp32 graphs in bfloat16 on processors that have it.
    if build.precision != "fp16":
        return ov.Type.f32
    has = core.get_property(DEVICE, properties.device.capabilities)
    if "FP16" in has:
        return ov.Type.f16
    return ov.Type.bf16 if "BF16" in has else ov.Type.f32


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _reason(error: RuntimeError) -> str:
    """The last line of OpenVINO's message; those before it are places in its own source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else "it gives no reason"
