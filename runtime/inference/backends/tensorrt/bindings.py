"""What goes into a plan and what comes out, compared with what the manifest says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Final, List

from typing_extensions import Literal

from runtime.cuda.kernels.parameters import ELEMENT_BYTES
from runtime.errors import EngineRefused
from runtime.inference.backends.tensorrt.api import ICudaEngine
from runtime.repository.manifest import EngineManifest

FloatElement = Literal["float32", "float16"]
REBUILD: Final = "Build the plan here with `runtime build-engine --tensorrt`"
_ELEMENTS: Final[Dict[str, FloatElement]] = {"FLOAT": "float32", "HALF": "float16"}
# What one sample's classes are rounded up to, in the formats that keep them side by side.
_CLASSES_LAST: Final[Dict[str, int]] = {"HWC": 1, "HWC8": 8, "HWC16": 16}
_LINEAR: Final = "LINEAR"


@dataclass(frozen=True)
class Interface:
    """A plan's only input and output.

    Attributes:
        input_name: of the input, (1, 3, height, width).
        input_element: its type.
        output_name: of the output, (1, classes, grid height, grid width).
        output_element: its type.
        padded_classes: 0 where the output lies plane by plane; else elements between its samples.
        open_batch: whether the input's shape has yet to be set.
    """

    input_name: str
    input_element: FloatElement
    output_name: str
    output_element: FloatElement
    padded_classes: int
    open_batch: bool

    def input_bytes(self, manifest: EngineManifest) -> int:
        """Size of the input's memory."""
        spec = manifest.input
        return 3 * spec.height * spec.width * ELEMENT_BYTES[self.input_element]

    def logits_bytes(self, manifest: EngineManifest) -> int:
        """Size of the output's memory, padding included."""
        grid = manifest.output
        classes = self.padded_classes or len(manifest.classes.names)
        return grid.height * grid.width * classes * ELEMENT_BYTES[self.output_element]


def interface_of(engine: ICudaEngine, manifest: EngineManifest) -> Interface:
    """A plan's input and output, which are what the manifest says.

    Args:
        engine: the deserialised plan.
        manifest: what it must take and give.

    Raises:
        EngineRefused: they are not; it names both sides.
    """
    names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
    modes = {name: engine.get_tensor_mode(name).name for name in names}
    inputs = [name for name in names if modes[name] == "INPUT"]
    outputs = [name for name in names if modes[name] == "OUTPUT"]
    if len(inputs) != 1 or len(outputs) != 1:
        raise EngineRefused(
            f"the plan takes {inputs} and gives {outputs}, not one of each", REBUILD
        )
    (input_name,), (output_name,) = inputs, outputs
    spec, grid = manifest.input, manifest.output
    classes = len(manifest.classes.names)
    batch = _required_shape(engine, input_name, [3, spec.height, spec.width])
    _required_shape(engine, output_name, [classes, grid.height, grid.width])
    order = engine.get_tensor_format(input_name).name
    layout = engine.get_tensor_format(output_name).name
    if order != _LINEAR or layout not in (_LINEAR, *_CLASSES_LAST):
        raise EngineRefused(
            f"the plan takes its input as {order} and gives {layout}, which no kernel here does",
            REBUILD,
        )
    step = _CLASSES_LAST.get(layout, 0)
    return Interface(
        input_name=input_name,
        input_element=_element(engine, input_name),
        output_name=output_name,
        output_element=_element(engine, output_name),
        padded_classes=-(-classes // step) * step if step else 0,
        open_batch=batch < 0,
    )


def _required_shape(engine: ICudaEngine, name: str, expected: List[int]) -> int:
    """Checks all but the batch, which it returns: 1, or -1 where it is open."""
    batch, *rest = tuple(engine.get_tensor_shape(name))
    if rest != expected or batch not in (1, -1):
        raise EngineRefused(
            f"the plan's {name} has the shape {[batch, *rest]}, the manifest says {[1, *expected]}",
            REBUILD,
        )
    return batch


def _element(engine: ICudaEngine, name: str) -> FloatElement:
    dtype = engine.get_tensor_dtype(name).name
    if dtype not in _ELEMENTS:
        raise EngineRefused(
            f"the plan's {name} has the type {dtype}, the kernels here take FLOAT and HALF", REBUILD
        )
    return _ELEMENTS[dtype]
