"""Who uses a segment: apps above say so, and a segment in use is not deleted under them.

register_segment_use("personas", personas_bound_to)

def personas_bound_to(segment_ids: Collection[UUID]) -> Mapping[UUID, list[str]]:
    "What to name in the refusal, by segment: “Persona Ann”."
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol
from uuid import UUID


class SegmentUse(Protocol):
    """Names of what uses each of these segments; segments without any may be missing. At most one query."""

    def __call__(self, segment_ids: Collection[UUID]) -> Mapping[UUID, list[str]]: ...


USES: dict[str, SegmentUse] = {}


def register_segment_use(name: str, use: SegmentUse) -> None:
    """Add a kind of use. Registering a name again replaces it."""
    USES[name] = use


def uses_of(segment_id: UUID) -> list[str]:
    """Everything that registered as using a segment, in order of registration."""
    return [label for use in USES.values() for label in use([segment_id]).get(segment_id, [])]
