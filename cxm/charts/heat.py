"""Colour of a cell by its distance from a target."""

from __future__ import annotations

HEAT_STEPS = ("cx-hm3", "cx-hm2", "cx-hm1", "cx-h0", "cx-h1", "cx-h2", "cx-h3")
"""Classes from far below the target, over around it, to far above."""

EDGES = (0.04, 0.10, 0.20)
"""Distances from the target, as a share of the whole scale, at which the colour changes: 8, 20 and 40 points of NPS."""


def heat_class(
    value: float | None, target: float | None, limits: tuple[float, float], *, higher_is_better: bool = True
) -> str:
    """The class of a cell; `limits` are the lowest and highest score there can be.

    Without a target there is nothing to be above or below, and the cell is neutral; without a value it has no class.
    """
    if value is None:
        return ""
    if target is None:
        return "cx-h0"
    distance = (value - target) / (limits[1] - limits[0])
    steps = sum(abs(distance) >= edge - 1e-9 for edge in EDGES)
    better = (distance > 0) == higher_is_better
    return HEAT_STEPS[3 + steps] if better else HEAT_STEPS[3 - steps]
