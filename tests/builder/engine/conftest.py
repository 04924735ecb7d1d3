from __future__ import annotations

from pathlib import Path

import pytest

# Imported where they are used: without torch the files that need it are left out, and this is read.


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    from tests.builder.networks import textured_dataset

    return textured_dataset(tmp_path / "brightness")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A checkpoint as others publish them: tensors, and nothing about what they are for."""
    import torch

    from tests.builder.networks import narrow, randomised

    path = tmp_path / "published.pth"
    torch.save(randomised(narrow(levels=1)).state_dict(), path)
    return path


@pytest.fixture
def carded(tmp_path: Path, dataset: Path) -> Path:
    """A checkpoint that knows what it was trained on."""
    from tests.builder.engine.homes import checkpoint_in

    path = checkpoint_in(tmp_path, dataset, hold_out="image-2")
    return path.rename(tmp_path / "Street Net.pt")
