"""How TensorRT plans are to be built: the recipe's table `[tensorrt]` and the command's flags."""

from __future__ import annotations

from typing import Any, Mapping, Optional, Tuple

from pydantic import Field, ValidationError, model_validator

from runtime.builder.tensorrt.options import PlanOptions
from runtime.errors import InvalidConfig
from runtime.files.toml import Table
from runtime.files.validation import first_complaint
from runtime.inference.backends.tensorrt.capabilities import Typing
from runtime.repository.manifest import Precision

MIB = 1 << 20


class PlanChoice(Table):
    """See `PlanOptions`, which each precision gets one of.

    Attributes:
        compute_capabilities: a plan for each, as TensorRT-RTX alone can build; none means a plan
            for this machine's GPU.
        workspace_mib: scratch memory that a kernel may use.
        batch: smallest, usual and largest number of images at once.
        optimization_level: 0 (quick build) to 5.
        typing: weak or strong; left out, strong where it exists.
        dla_core: the deep learning accelerator to use.
        require_int8: whether a quantized convolution that computes in float fails the build.
    """

    compute_capabilities: Tuple[str, ...] = ()
    workspace_mib: int = Field(default=1024, ge=1)
    batch: Optional[Tuple[int, int, int]] = None
    optimization_level: Optional[int] = None
    typing: Optional[Typing] = None
    dla_core: Optional[int] = Field(default=None, ge=0)
    require_int8: bool = False

    @model_validator(mode="after")
    def _possible(self) -> PlanChoice:
        try:
            self.options("fp16", self.compute_capabilities)
        except InvalidConfig as fault:
            raise ValueError(f"{fault.problem}: {fault.cure}") from fault
        return self

    def options(
        self, precision: Precision, compute_capabilities: Tuple[str, ...] = ()
    ) -> PlanOptions:
        """The same for one plan; the target's compute capability is left to `device_plan`.

        Args:
            precision: of the plan.
            compute_capabilities: GPUs to build for; none means this machine's.
        """
        return PlanOptions(
            precision,
            typing=self.typing,
            workspace=self.workspace_mib * MIB,
            batch=self.batch,
            compute_capabilities=compute_capabilities,
            optimization_level=self.optimization_level,
            dla_core=self.dla_core,
            require_int8=self.require_int8 and precision == "int8",
        )

    def overridden(self, flags: Mapping[str, Any]) -> PlanChoice:
        """The same with what a command's flags say instead.

        Raises:
            InvalidConfig: they contradict each other, or a value is out of its range.
        """
        try:
            return PlanChoice.model_validate({**self.model_dump(), **flags})
        except ValidationError as error:
            raise InvalidConfig(
                f"the plans cannot be built so: {first_complaint(error, 'the flags')}",
                "See `runtime build-engine --help`",
            ) from error
