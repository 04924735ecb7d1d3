from __future__ import annotations

import pytest

from runtime.builder.pruning.choices import ALLOCATIONS, IMPORTANCES, UNGUIDED_IMPORTANCES
from runtime.builder.pruning.importance import Importance
from runtime.builder.pruning.request import PruningRequest


@pytest.mark.parametrize("name", UNGUIDED_IMPORTANCES)
def test_every_importance_that_weights_alone_decide_can_score(name: str) -> None:
    assert Importance(name).name == name


def test_a_request_takes_every_choice_that_is_declared() -> None:
    assert [PruningRequest(importance=name).importance for name in IMPORTANCES] == [*IMPORTANCES]
    free = [name for name in ALLOCATIONS if name != "latency"]
    assert [PruningRequest(allocation=name).allocation for name in free] == free
