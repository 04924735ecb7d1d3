"""What can go wrong on a GPU, told apart by what still works afterwards."""

from __future__ import annotations

from runtime.errors import EngineFailed, EngineRefused, RuntimeFault


class DeviceLost(EngineFailed):
    """A GPU whose context answers every call with an error: nothing runs until a new process."""


class DeviceMemoryFull(RuntimeFault):
    """Less memory than a buffer needs; what was there before still works."""


class CallFailed(RuntimeFault):
    """A call that CUDA refused, while the device goes on working."""


class WrongThread(RuntimeFault):
    """A call from a thread that does not own the device."""


def not_started(ordinal: int, error: Exception) -> EngineRefused:
    """The fault of a GPU on which CUDA does not start.

    Args:
        ordinal: which GPU, in the driver's order.
        error: what CUDA said.
    """
    return EngineRefused(
        f"CUDA does not start on GPU {ordinal}: {error}",
        "`runtime doctor` says what is missing; a container needs `--runtime nvidia` or "
        "`--gpus all`",
    )


def exclusive(ordinal: int, error: Exception) -> EngineRefused:
    """The fault of a GPU that only one thread can have; arguments as `not_started`."""
    return EngineRefused(
        f"CUDA gives GPU {ordinal} to no second thread: {error}",
        "Set its compute mode to default with `nvidia-smi -c 0`",
    )


def memory_full(what: str, error: Exception) -> DeviceMemoryFull:
    """The fault of a call for which the memory does not suffice.

    Args:
        what: the call was to do, such as "take 4096 bytes".
        error: what CUDA said.
    """
    return DeviceMemoryFull(
        f"the GPU has not the memory to {what}: {error}",
        "Stop the desktop and other programs that use the GPU, or serve a smaller engine",
    )


def device_lost(what: str, error: Exception) -> DeviceLost:
    """The fault of a call after which CUDA answers nothing any more; arguments as `memory_full`."""
    return DeviceLost(
        f"the GPU is lost since CUDA tried to {what}: {error}",
        "Restart the daemon; if it comes again look into `dmesg` for NVRM or nvgpu faults",
    )


def device_closed() -> EngineFailed:
    """The fault of a call outside the device's `with` block."""
    return EngineFailed("the GPU is closed", "Use it inside its `with` block")
