from __future__ import annotations

import json
from pathlib import Path
from typing import Any, List

import pytest

from runtime.cli.main import main
from runtime.errors import InvalidInput
from runtime.experiments.profile.layer_map import Place
from runtime.experiments.profile.tensorrt_profile import layer_times, profile_from_tensorrt

CONV = "backbone.layer1.0.conv1@level{0} + backbone.layer1.0.conv1@level{0}/relu"


def layer(name: str, average: float, **more: float) -> Any:
    """As trtexec --exportProfile writes it, averaged over 40 passes."""
    return {"name": name, "timeMs": 40 * average, "averageMs": average, "percentage": 1.0, **more}


def written(folder: Path, layers: List[Any]) -> Path:
    path = folder / "pruned-int8.json"
    path.write_text(json.dumps([{"count": 40}, *layers]))
    return path


def test_attributes_fused_layers_and_reformats(tmp_path: Path) -> None:
    layers = [
        layer(f"Reformatting CopyNode for Input Tensor 0 to {CONV.format(0)}", 0.25),
        layer(CONV.format(0), 2.0),
        layer(CONV.format(1), 0.5),
        layer("logits.conv", 0.1),
        layer("Shuffle 12", 0.05),
    ]
    found = profile_from_tensorrt(written(tmp_path, layers))
    assert (found.model, found.backend) == ("pruned-int8", "tensorrt")
    assert found.parts[Place("block 1", 0)].mean == pytest.approx(2.25)
    assert found.parts[Place("block 1", 1)].mean == pytest.approx(0.5)
    assert found.rest.mean == pytest.approx(0.05)
    assert found.forward.mean == pytest.approx(2.9)


def test_prefers_the_median_where_there_is_one(tmp_path: Path) -> None:
    times = layer_times(written(tmp_path, [layer("logits.conv", 9.0, medianMs=1.5)]))
    assert times == {"logits.conv": 1.5}


@pytest.mark.parametrize("content", ["{", "[]", "[1]", '[{"count": 3}]', '[{"name": "a"}]'])
def test_refuses_what_is_no_profile(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(InvalidInput, match=r"x\.json"):
        layer_times(tmp_path / "x.json")


def test_the_command_shows_it_without_any_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    path = written(tmp_path, [layer(CONV.format(0), 2.0), layer("logits.conv", 0.1)])
    assert main(["profile", "--tensorrt-profile", str(path), "--out", str(tmp_path / "out")]) == 0
    assert "pruned-int8" in capsys.readouterr().out
    names = sorted(each.name for each in (tmp_path / "out").iterdir())
    assert names == ["forward.csv", "levels.csv", "profile.md", "tensorrt.png"]
