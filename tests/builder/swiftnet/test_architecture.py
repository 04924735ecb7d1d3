from __future__ import annotations

import json
from typing import Any, Dict

import pytest

from runtime.builder.swiftnet import Architecture, Widths
from runtime.errors import InvalidConfig
from tests.builder.networks import narrow


def test_defaults_to_the_full_encoder_in_a_pyramid_of_three() -> None:
    architecture = Architecture("resnet18", classes=19)
    assert architecture.widths == Widths.resnet(18)
    assert (architecture.variant, architecture.levels) == ("pyramid", 3)


@pytest.mark.parametrize("encoder", ["resnet18", "resnet34", "mobilenet_v2"])
def test_survives_json(encoder: str) -> None:
    architecture = narrow(encoder, variant="single", mean=(1, 2, 3), std=(4.5, 5, 6))
    assert Architecture.from_dict(json.loads(json.dumps(architecture.to_dict()))) == architecture


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"encoder": "vgg16"}, "vgg16"),
        ({"variant": "twin"}, "twin"),
        ({"classes": 1}, "classes is 1"),
        ({"classes": 256}, "classes is 256"),
        ({"classes": 19.0}, "classes is 19.0"),
        ({"levels": 0}, "levels is 0"),
        ({"levels": 4}, "levels is 4"),
        ({"output_stride": 16}, "output stride is 16"),
        ({"features": 2}, "features is 2"),
        ({"mean": (1, 2)}, "mean"),
        ({"mean": (1, 2, float("nan"))}, "mean"),
        ({"std": (1, 0, 1)}, "deviation"),
        ({"std": "wide"}, "deviation"),
    ],
)
def test_refuses_what_no_network_has(wrong: Dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidConfig, match=named):
        Architecture(**{"encoder": "resnet18", "classes": 19, **wrong})


def test_refuses_fields_that_are_missing_or_unknown() -> None:
    plain = Architecture("resnet18", 19).to_dict()
    with pytest.raises(InvalidConfig, match=r"lacks the fields \['levels'\]"):
        Architecture.from_dict({key: plain[key] for key in plain if key != "levels"})
    with pytest.raises(InvalidConfig, match="depth"):
        Architecture.from_dict({**plain, "depth": 18})
    for widths in ({"stem": 64}, {**plain["widths"], "head": 1}, {**plain["widths"], "stages": 4}):
        with pytest.raises(InvalidConfig, match="widths"):
            Architecture.from_dict({**plain, "widths": widths})
