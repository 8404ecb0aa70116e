"""Moves by direction, for forms and menus: where a row lands one place further."""

from __future__ import annotations

from uuid import UUID

from apps.journeys import content
from apps.journeys.models import Journey, Stage, Step
from apps.journeys.services.edits.rows import get, place_of, siblings


def place_beside(journey: Journey, kind: str, identifier: UUID, direction: str) -> tuple[UUID, int] | None:
    """Where a card or touchpoint lands one place up or down, or one step earlier or later: (step id, position).

    None when it stands at that end already. Two or three queries.
    """
    row = get(journey, kind, identifier)
    if direction in ("up", "down"):
        others, at = len(siblings(row)), place_of(row)
        position = at + (1 if direction == "down" else -1)
        return (row.step_id, position) if 0 <= position <= others else None
    steps = list(
        Step.objects.filter(stage__journey=journey)
        .order_by("stage__position", "stage__id", "position", "id")
        .values_list("pk", flat=True)
    )
    at = steps.index(row.step_id) + (1 if direction == "later" else -1)
    return (steps[at], content.MAX_CARDS) if 0 <= at < len(steps) else None


def step_beside(journey: Journey, identifier: UUID, direction: str) -> tuple[UUID, int] | None:
    """Where a step lands one place earlier or later, over the edge of its stage too: (stage id, position)."""
    row = get(journey, "step", identifier)
    others, at = len(siblings(row)), place_of(row)
    position = at + (1 if direction == "later" else -1)
    if 0 <= position <= others:
        return row.stage_id, position
    stages = list(Stage.objects.filter(journey=journey).order_by("position", "id").values_list("pk", flat=True))
    beside = stages.index(row.stage_id) + (1 if direction == "later" else -1)
    if not 0 <= beside < len(stages):
        return None
    return stages[beside], 0 if direction == "later" else content.MAX_STEPS


def stage_beside(journey: Journey, identifier: UUID, direction: str) -> int | None:
    """The position of a stage one place earlier or later; None when it stands at that end already."""
    row = get(journey, "stage", identifier)
    position = place_of(row) + (1 if direction == "later" else -1)
    return position if 0 <= position <= len(siblings(row)) else None
