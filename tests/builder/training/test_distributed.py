from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Dict

import pytest
import torch
from torch import Tensor

from runtime.builder.checkpoint import load_checkpoint, save_checkpoint
from runtime.builder.data.layouts import open_dataset
from runtime.builder.training.distributed import Place, joined
from runtime.errors import InvalidConfig
from tests.builder.scenes import write_dataset
from tests.builder.tiny_training import network
from tests.builder.training import two_ranks

ROOT = Path(__file__).resolve().parents[3]
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")


def test_alone_a_process_leads_and_shares_nothing() -> None:
    with joined("cpu") as place:
        model = torch.nn.Linear(1, 1)
        assert place.leads
        assert place.shared(model) is model
        assert place.mean(torch.tensor(7)) == 7


def test_auto_finds_a_device() -> None:
    with joined("auto") as place:
        assert place.device.type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_a_device_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InvalidConfig, match="no device 'tpu'"), joined("tpu"):
        pass


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_missing_gpu_is_said_before_the_training_starts() -> None:
    with pytest.raises(InvalidConfig, match="finds no CUDA device"), joined("cuda"):
        pass


def torchrun(*arguments: str) -> None:
    """Runs a module in two processes with one thread each."""
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *TORCHRUN, "-m", *arguments]
    subprocess.run(command, cwd=ROOT, env=one_thread, check=True)


@pytest.mark.long
def test_two_devices_compute_the_gradients_of_one(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "scenes", train=4, val=1)
    torchrun("tests.builder.training.two_ranks", str(folder), str(tmp_path))

    two_ranks.gradients(folder, tmp_path, Place(torch.device("cpu")))

    alone: Dict[str, Tensor] = torch.load(tmp_path / "gradients-0-of-1.pt", weights_only=True)
    unlabelled = [(open_dataset(folder).load(i)[1] == 255).sum() for i in range(4)]
    assert len(set(unlabelled)) > 1, "a plain mean of the two means would do"
    for rank in range(2):
        shared: Dict[str, Tensor] = torch.load(
            tmp_path / f"gradients-{rank}-of-2.pt", weights_only=True
        )
        assert shared.keys() == alone.keys()
        for name, gradient in shared.items():
            torch.testing.assert_close(gradient, alone[name], rtol=1e-3, atol=1e-5)


@pytest.mark.long
def test_two_devices_train_and_one_writes(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "scenes", train=4, val=1)
    save_checkpoint(tmp_path / "start.pt", network(), {})
    run = ["--init", str(tmp_path / "start.pt"), "--out", str(tmp_path / "run")]
    settings = ["--epochs", "1", "--batch", "4", "--crop", "64x64", "--device", "cpu"]
    torchrun("runtime", "train", str(folder), "--validate-on", "val", *run, *settings)
    assert load_checkpoint(tmp_path / "run" / "checkpoint.pt").metadata["pictures"] == 4
