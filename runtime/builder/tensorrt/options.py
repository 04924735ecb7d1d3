"""How a TensorRT plan is to be built."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Mapping, Optional, Tuple

from runtime.errors import InvalidConfig
from runtime.inference.backends.tensorrt.capabilities import Typing
from runtime.repository.manifest import Precision

GIB = 1 << 30
_COMPUTE_CAPABILITY = re.compile(r"\d{1,2}\.\d")


@dataclass(frozen=True)
class PlanOptions:
    """How to build a plan.

    Attributes:
        precision: of the plan; the graph has to fit it.
        typing: weak or strong; None takes strong where this TensorRT has it.
        workspace: bytes of scratch memory that a kernel may use.
        batch: smallest, usual and largest number of images at once; None keeps the graph's one.
        compute_capabilities: GPUs to build for, such as "8.6"; only TensorRT-RTX can name any.
        optimization_level: 0 (quick build) to 5; None leaves it to TensorRT, which takes 3.
        dla_core: the deep learning accelerator to run on as far as it can, the GPU doing the rest;
            in FP16 or INT8.
        ranges: for INT8 on a DLA, instead of quantizers: by tensor, the magnitude that becomes 127.
        require_int8: fail where a convolution that is quantized in the graph computes in a float
            type in the plan.
        timing_cache: as an earlier build with the same TensorRT on the same GPU left it.
    """

    precision: Precision = "fp32"
    typing: Optional[Typing] = None
    workspace: int = GIB
    batch: Optional[Tuple[int, int, int]] = None
    compute_capabilities: Tuple[str, ...] = ()
    optimization_level: Optional[int] = None
    dla_core: Optional[int] = None
    ranges: Mapping[str, float] = field(default_factory=dict, repr=False)
    require_int8: bool = False
    timing_cache: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        if self.workspace < 1 << 20:
            raise InvalidConfig(
                f"the workspace is {self.workspace} bytes", "Give it 1 MiB at the least"
            )
        if self.batch is not None and not 1 <= self.batch[0] <= self.batch[1] <= self.batch[2]:
            raise InvalidConfig(
                f"the batch is {self.batch}",
                "Give the smallest, the usual and the largest number of images, in this order",
            )
        for capability in self.compute_capabilities:
            if not _COMPUTE_CAPABILITY.fullmatch(capability):
                raise InvalidConfig(
                    f"{capability!r} is no compute capability", "Write it like 7.5 or 12.0"
                )
        if self.dla_core is not None and (self.precision == "fp32" or self.batch is not None):
            raise InvalidConfig(
                "a DLA computes in FP16 and INT8 alone, and for one size of batch",
                "Order fp16 or int8 without a range of batches, or leave the DLA out",
            )
        if self.optimization_level is not None and not 0 <= self.optimization_level <= 5:
            raise InvalidConfig(
                f"the optimization level is {self.optimization_level}", "Take 0 to 5"
            )
