"""Which models are worth having: those that no other beats in both cost and accuracy."""

from __future__ import annotations

from typing import List, Sequence, Tuple

Point = Tuple[float, float]
"""Cost and accuracy."""


def pareto_front(points: Sequence[Point]) -> List[int]:
    """Positions of the points that no other is at once as cheap as and better than, or vice versa.

    Returns:
        Positions by rising cost. Of equal points the first is taken.
    """
    front: List[int] = []
    by_cost = sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1], i))
    for index in by_cost:
        if not front or points[index][1] > points[front[-1]][1]:
            front.append(index)
    return front
