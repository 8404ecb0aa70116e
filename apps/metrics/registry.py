"""What upper apps teach the metrics: filters over things that live above this layer.

A resolver gets an id as text and the actor, and answers with what the filter means; it raises NotFound for an id that
does not exist here. Registered in the upper app's `wiring.py`:

    register_touchpoint_filter("journey", touchpoints_of_journey)
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from cxm.actor import Actor

TouchpointResolver = Callable[[Actor, UUID], frozenset[UUID]]

_touchpoint_filters: dict[str, TouchpointResolver] = {}


def register_touchpoint_filter(name: str, resolve: TouchpointResolver) -> None:
    """Add a query parameter that stands for a set of touchpoints."""
    _touchpoint_filters[name] = resolve


def touchpoint_filters() -> dict[str, TouchpointResolver]:
    """Parameter name -> resolver."""
    return dict(_touchpoint_filters)
