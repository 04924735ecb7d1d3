"""From an ONNX file to a TensorRT plan: one way for TensorRT 8.5, 8.6, 10, 11 and TensorRT-RTX.

TensorRT is all this needs, so a device without torch and onnx builds its own plans. Up to 8.6 the
float master is given and flags allow lower precisions (weak typing); from 10 on the graph itself
says them (strong typing), so FP16 has a graph of its own. Answers of False and None become faults
that quote the log.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple

from runtime.builder.tensorrt.builder_config import Configuration
from runtime.builder.tensorrt.engine_inspector import inspection_from_json
from runtime.builder.tensorrt.network import (
    empty_network,
    fill_from_onnx,
    interface_of,
    network_flags,
    quantized_convolutions,
    require_precision,
    types_of,
)
from runtime.builder.tensorrt.options import PlanOptions
from runtime.builder.tensorrt.progress import Advance
from runtime.errors import BuildFailed
from runtime.inference.backends.tensorrt.api import Builder, INetworkDefinition, TensorRT
from runtime.inference.backends.tensorrt.capabilities import Capabilities, capabilities_of
from runtime.inference.backends.tensorrt.errors import build_failed, notices_in
from runtime.inference.backends.tensorrt.library import tensorrt_module
from runtime.inference.backends.tensorrt.log import LogTail, listening


@dataclass(frozen=True)
class Plan:
    """A built plan.

    Attributes:
        content: the plan itself, for this TensorRT on this GPU alone.
        log: the tail of TensorRT's log.
        layers: what the inspector tells of them, JSON; empty where the plan cannot be loaded here.
        facts: how it was built, in plain values and names; for the manifest's `settings`.
        timing_cache: to be given to the next build; None where TensorRT keeps none.
    """

    content: bytes = field(repr=False)
    log: str = field(repr=False)
    facts: Dict[str, Any]
    timing_cache: Optional[bytes] = field(default=None, repr=False)
    layers: str = field(default="", repr=False)


def plan_from_onnx(
    onnx: bytes,
    options: PlanOptions,
    module: Optional[TensorRT] = None,
    advance: Optional[Advance] = None,
) -> Plan:
    """Builds a plan; minutes on a small device.

    Args:
        onnx: a graph of the builder that fits precision and typing; see `device_plan.SOURCES`.
        options: what to build.
        module: a TensorRT; None imports `tensorrt`.
        advance: called up to `progress.PARTS` times while it builds, where this TensorRT tells
            its progress. The build is cancelled by an exception of it, which is then raised here.

    Raises:
        BuildFailed: TensorRT cannot build it, or the graph is not what the options say.
    """
    trt = tensorrt_module() if module is None else module
    capabilities = capabilities_of(trt)
    typing = capabilities.typing(options.typing)
    with listening(trt) as (logger, tail):
        builder = _builder(trt, capabilities, logger, tail)
        flags = network_flags(capabilities, typing)
        network = empty_network(trt, builder, flags)
        # The network's weights lie in the parser, which therefore stays until the plan is built.
        parser = trt.OnnxParser(network, logger)
        fill_from_onnx(parser, onnx, capabilities, tail)
        require_precision(network, options.precision, typing, options.dla_core is not None)
        config = Configuration(trt, capabilities, builder, options)
        config.set_precision(typing)
        config.set_batch(network)
        config.set_targets()
        config.set_timing_cache()
        facts: Dict[str, Any] = {"module": trt.__name__, "typing": typing, "network_flags": flags}
        facts.update(config.set_dla(network))
        content = _build(config, network, tail, advance)
        # Weak typing decides while it builds; what the tensors say before that means nothing.
        facts["types"] = types_of(network) if typing == "strong" else {}
        facts.update(_facts(config, network, options))
        facts["notices"] = _notices(facts, options, tail)
        layers = _layers(trt, capabilities, options, (logger, tail), content)
        facts["inspection"] = _inspect(layers, network, options)
        return Plan(content, tail.text, facts, config.timing_cache, layers)


def _layers(
    trt: TensorRT,
    capabilities: Capabilities,
    options: PlanOptions,
    log: Tuple[object, LogTail],
    content: bytes,
) -> str:
    """What the inspector tells of a plan that was just built; empty where it cannot be loaded."""
    if options.compute_capabilities:
        return ""
    logger, tail = log
    engine = trt.Runtime(logger).deserialize_cuda_engine(content)
    if engine is not None:
        inspector = engine.create_engine_inspector()
        return inspector.get_engine_information(trt.LayerInformationFormat.JSON)
    if capabilities.ahead_of_time:
        # TensorRT-RTX builds without the GPU that loading wants.
        return ""
    raise build_failed(
        f"{capabilities.product} cannot load the plan that it built",
        tail.problems,
        "Free memory and try again",
    )


def _inspect(
    layers: str, network: INetworkDefinition, options: PlanOptions
) -> Optional[Dict[str, Any]]:
    """The inspection in figures; None where there is none.

    Raises:
        BuildFailed: INT8 is required of every quantized convolution, and not so or not known.
    """
    if not layers and options.require_int8:
        raise BuildFailed(
            "what the convolutions compute in is not known, as the plan cannot be loaded here",
            "Build on the device itself, or do not require INT8",
        )
    if not layers:
        return None
    inspection = inspection_from_json(layers)
    meant = quantized_convolutions(network)
    if options.require_int8:
        inspection.require_int8(meant)
    return inspection.summary(meant)


def _facts(
    config: Configuration, network: INetworkDefinition, options: PlanOptions
) -> Dict[str, Any]:
    """What a plan was built with, in names and plain values."""
    return {
        "version": config.capabilities.version,
        "builder_flags": config.flags,
        "workspace": options.workspace,
        "batch": None if options.batch is None else list(options.batch),
        "compute_capabilities": list(options.compute_capabilities),
        "optimization_level": options.optimization_level,
        "timing_cache": config.timing_cache_state,
        "layers": network.num_layers,
        **interface_of(network),
    }


def _notices(facts: Dict[str, Any], options: PlanOptions, tail: LogTail) -> List[str]:
    """What is worth knowing of a build that went well."""
    notices = [notice.meaning for notice in notices_in(tail.problems)]
    if facts["typing"] == "strong" and options.precision == "int8" and "HALF" not in facts["types"]:
        notices.append("what is not quantized computes in FP32, for so the graph says it")
    return notices


def _builder(trt: TensorRT, capabilities: Capabilities, logger: object, tail: LogTail) -> Builder:
    try:
        return trt.Builder(logger)
    except TypeError as error:
        # What Python's binding makes of a null pointer from the library.
        raise build_failed(
            f"{capabilities.product} cannot start",
            tail.problems,
            "See with `nvidia-smi`, or `tegrastats` on a Jetson, whether GPU and driver are there",
        ) from error


def _build(
    config: Configuration, network: INetworkDefinition, tail: LogTail, advance: Optional[Advance]
) -> bytes:
    progress = None if advance is None else config.followed_by(advance)
    plan = config.build(network)
    if progress is not None:
        progress.raise_error()
    if plan is None:
        raise build_failed(
            f"{config.capabilities.product} cannot build the plan",
            tail.problems,
            "Try another workspace or precision; if it stays, report it with this message",
        )
    return bytes(plan)
