"""What can go wrong on a GPU, told apart by what still works afterwards."""

from __future__ import annotations

from runtime.errors import EngineFailed, RuntimeFault


class DeviceLost(EngineFailed):
    """A GPU whose context answers every call with an error: nothing runs until a new process."""


class DeviceMemoryFull(RuntimeFault):
    """Less memory than a buffer needs; what was there before still works."""


class CallFailed(RuntimeFault):
    """A call that CUDA refused, while the device goes on working."""


class WrongThread(RuntimeFault):
    """A call from a thread that does not own the device."""
