from __future__ import annotations

from typing import Dict, List

import numpy as np
import pytest

from runtime.builder.pruning.dependencies import groups_of
from runtime.builder.pruning.groups import Group, Member
from runtime.builder.pruning.importance import IMPORTANCES, Importance
from runtime.builder.swiftnet import SwiftNet
from runtime.errors import InvalidConfig, InvalidInput
from tests.builder.networks import narrow, randomised

PAIR = Group(
    name="pair",
    block=1,
    sets=("inner[0][0]",),
    channels=2,
    writers=(Member("a", ("n",)),),
    readers=(Member("b", offset=1),),
)


def pair(**changes: List[float]) -> Dict[str, np.ndarray]:
    """Two channels, written by filters of one weight and read behind another channel."""
    values: Dict[str, List[float]] = {
        "a.weight": [3, -1],
        "n.weight": [1, -3],
        "n.running_var": [1, 1],
        "b.weight": [100, 2, -2],
    }
    values.update(changes)
    state = {name: np.array(value, np.float64) for name, value in values.items()}
    state["a.weight"] = state["a.weight"].reshape(2, 1, 1, 1)
    state["b.weight"] = state["b.weight"].reshape(1, 3, 1, 1)
    return state


def double(network: SwiftNet) -> Dict[str, np.ndarray]:
    return {key: tensor.double().numpy() for key, tensor in network.state_dict().items()}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("l1", [1.25, 0.75]),  # (3, 1) / 2 averaged with (2, 2) / 2
        ("l2", [1.25, 0.75]),  # the same for filters of one weight
        ("bn", [0.5, 1.5]),  # (1, 3) / 2
        ("pyramid", [1.0, 1.0]),  # (3 x 1, 1 x 3) / 3
    ],
)
def test_scores_by_hand(name: str, expected: List[float]) -> None:
    scores = Importance(name).scores(PAIR, pair())
    np.testing.assert_allclose(scores, expected, rtol=1e-5)


def test_l2_lets_one_large_weight_count_for_more() -> None:
    state = pair()
    state["a.weight"] = np.array([[3.0, 0.0], [1.5, 1.5]]).reshape(2, 2, 1, 1)
    assert np.diff(Importance("l1").scores(PAIR, state)) == 0
    assert np.diff(Importance("l2").scores(PAIR, state)) < 0


def test_the_pyramids_scores_see_through_the_norm() -> None:
    """A filter twice as large whose outputs vary four times as much computes the same."""
    scaled = pair(**{"a.weight": [6.0, -1.0], "n.running_var": [4.0, 1.0]})
    before, after = (Importance("pyramid").scores(PAIR, state) for state in (pair(), scaled))
    np.testing.assert_allclose(after, before, rtol=1e-4)
    plain = Importance("l1")
    assert not np.allclose(plain.scores(PAIR, pair()), plain.scores(PAIR, scaled))


def test_every_level_has_a_say_in_the_pyramids_scores() -> None:
    network = randomised(narrow())
    group = groups_of(network.architecture)[1]
    before = Importance("pyramid").scores(group, double(network))
    for level in range(3):
        state = double(network)
        state[f"backbone.layer1.0.bn1.{level}.weight"][0] *= 10
        assert Importance("pyramid").scores(group, state)[0] > before[0]


@pytest.mark.parametrize("name", sorted(IMPORTANCES))
def test_scores_of_every_group_have_a_mean_of_one(name: str) -> None:
    network = randomised(narrow("mobilenet_v2", variant="single"))
    for group in groups_of(network.architecture):
        scores = Importance(name).scores(group, double(network))
        assert scores.shape == (group.channels,)
        assert scores.mean() == pytest.approx(1, rel=1e-4)


def test_random_scores_follow_from_the_seed_and_the_group_alone() -> None:
    one, *others = groups_of(narrow())
    first = Importance("random", seed=1).scores(one, {})
    assert np.array_equal(first, Importance("random", seed=1).scores(one, pair()))
    assert not np.array_equal(first, Importance("random", seed=2).scores(one, {}))
    same_width = next(group for group in others if group.channels == one.channels)
    assert not np.array_equal(first, Importance("random", seed=1).scores(same_width, {}))


def test_refuses_what_is_not_finite_and_what_it_does_not_know() -> None:
    with pytest.raises(InvalidInput, match=r"weights of pair, such as a\.weight, are not finite"):
        Importance("l1").scores(PAIR, pair(**{"a.weight": [float("nan"), 1]}))
    with pytest.raises(InvalidConfig, match="no importance 'magic'"):
        Importance("magic")
