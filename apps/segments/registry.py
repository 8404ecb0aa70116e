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


def uses_of(segment_ids: Collection[UUID]) -> dict[UUID, list[str]]:
    """What registered as using each of these segments, in order of registration; those without any are missing."""
    found: dict[UUID, list[str]] = {}
    for use in USES.values():
        for pk, labels in use(segment_ids).items():
            found.setdefault(pk, []).extend(labels)
    return found
