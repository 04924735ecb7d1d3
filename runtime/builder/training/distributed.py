"""Where a training runs: one device, or several processes with one each, as torchrun starts."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import Iterator

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from runtime.errors import InvalidConfig

DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Place:
    """This process among those that train together.

    Attributes:
        device: its own.
        rank: from 0; rank 0 leads: it alone writes files and measures.
        ranks: their number.
    """

    device: torch.device
    rank: int = 0
    ranks: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes and measures."""
        return self.rank == 0

    def shared(self, model: nn.Module) -> nn.Module:
        """The model, its gradients averaged over the processes; itself where it is alone."""
        if self.ranks == 1:
            return model
        devices = [self.device] if self.device.type == "cuda" else None
        return DistributedDataParallel(model, device_ids=devices, gradient_as_bucket_view=True)

    def mean(self, count: Tensor) -> Tensor:
        """The mean of a count over the processes, float32.

        A sum of losses divided by it has gradients whose average is that of the mean over the whole
        batch, also where the processes see different numbers of labelled pixels.
        """
        mean = count.float()
        if self.ranks > 1:
            distributed.all_reduce(mean)
            mean = mean / self.ranks
        return mean


@contextmanager
def joined(wanted: str) -> Iterator[Place]:
    """This process's place; under torchrun, after joining the others.

    Args:
        wanted: `cpu`, `cuda`, or `auto` for CUDA where there is one.

    Raises:
        InvalidConfig: there is no such device here.
    """
    kind = _kind(wanted)
    if not distributed.is_torchelastic_launched():
        yield Place(torch.device(kind))
        return
    distributed.init_process_group("nccl" if kind == "cuda" else "gloo")
    try:
        rank, ranks = distributed.get_rank(), distributed.get_world_size()
        number = rank % torch.cuda.device_count() if kind == "cuda" else 0
        yield Place(torch.device(kind, number), rank, ranks)
    finally:
        distributed.destroy_process_group()


def _kind(wanted: str) -> str:
    if wanted not in DEVICES:
        raise InvalidConfig(f"there is no device {wanted!r}", f"Use one of {', '.join(DEVICES)}")
    if wanted == "cuda" and not torch.cuda.is_available():
        raise InvalidConfig(
            "device cuda was asked for but PyTorch finds no CUDA device here",
            "Use --device cpu, or install a PyTorch with CUDA on a machine that has a GPU",
        )
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return wanted
