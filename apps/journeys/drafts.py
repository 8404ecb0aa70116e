"""The rows of a draft as a content, and back. Below services and queries; asks nobody for permission."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import F

from apps.journeys.content import MapContent, StageContent, StepContent, day_of, iter_steps, key_paths, lane_key
from apps.journeys.models import Card, Journey, Stage, Step, StepTouchpoint
from apps.journeys.people import owners_kept
from apps.touchpoints.models import Touchpoint
from cxm.errors import DomainErrors, FieldError
from cxm.ids import uuid7

UNKNOWN_TOUCHPOINT = "There is no touchpoint with the key “{key}”. Create it first."


@dataclass(frozen=True)
class Draft:
    """A draft read at once: its content, the version of each row by id, and the placement ids by (step id, key)."""

    content: MapContent
    versions: Mapping[str, int] = field(repr=False)
    places: Mapping[tuple[str, str], str] = field(repr=False)


def read_draft(journey: Journey) -> Draft:
    """The draft of a map. Four queries, whatever its size."""
    return read_drafts([journey])[journey.pk]


def read_drafts(journeys: Collection[Journey]) -> dict[UUID, Draft]:
    """The drafts of several maps by id. Four queries, however many."""
    ids = [journey.pk for journey in journeys]
    stages = Stage.objects.filter(journey__in=ids).order_by("position", "id")
    steps = Step.objects.filter(stage__journey__in=ids).order_by("position", "id")
    cards = Card.objects.filter(step__stage__journey__in=ids).order_by("position", "id")
    places = (
        StepTouchpoint.objects.filter(step__stage__journey__in=ids)
        .order_by("position", "id")
        .annotate(key=F("touchpoint__key"))
    )
    stages_of, steps_of = _grouped(stages, "journey_id"), _grouped(steps, "stage_id")
    cards_of, places_of = _grouped(cards, "step_id"), _grouped(places, "step_id")
    return {journey.pk: _draft(journey, stages_of[journey.pk], steps_of, cards_of, places_of) for journey in journeys}


def _grouped(rows: Iterable[Any], column: str) -> defaultdict[UUID, list[Any]]:
    found: defaultdict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        found[getattr(row, column)].append(row)
    return found


def _draft(
    journey: Journey,
    stages: list[Stage],
    steps_of: Mapping[UUID, list[Step]],
    cards_of: Mapping[UUID, list[Card]],
    places_of: Mapping[UUID, list[Any]],
) -> Draft:
    versions: dict[str, int] = {}
    places: dict[tuple[str, str], str] = {}

    def step_content(step: Step) -> StepContent:
        for row in (step, *cards_of[step.pk], *places_of[step.pk]):
            versions[str(row.pk)] = row.version
        places.update({(str(step.pk), place.key): str(place.pk) for place in places_of[step.pk]})
        return {
            "id": str(step.pk),
            "name": step.name,
            "belief": step.belief,
            "moment_of_truth": step.moment_of_truth,
            "evidence": step.evidence,
            "owner": str(step.owner_id) if step.owner_id else None,
            "review_date": step.review_date.isoformat() if step.review_date else None,
            "touchpoints": [place.key for place in places_of[step.pk]],
            "cards": [
                {
                    "id": str(card.pk),
                    "lane": card.lane,
                    "text": card.text,
                    "evidence": card.evidence,
                    "image": card.image,
                    "owner": str(card.owner_id) if card.owner_id else None,
                }
                for card in cards_of[step.pk]
            ],
        }

    versions |= {str(stage.pk): stage.version for stage in stages}
    content: MapContent = {
        "name": journey.name,
        "persona": str(journey.persona_id) if journey.persona_id else None,
        "metric": journey.metric,
        "kind": journey.kind,
        "lanes": journey.lanes,
        "stages": [
            {
                "id": str(stage.pk),
                "name": stage.name,
                "duration": stage.duration,
                "steps": [step_content(step) for step in steps_of[stage.pk]],
            }
            for stage in stages
        ],
    }
    return Draft(content, versions, places)


def touchpoint_ids(stages: Iterable[StageContent]) -> dict[str, UUID]:
    """Touchpoint id by key for every key on the map. Raises DomainErrors with the paths of unknown keys. One query."""
    wanted = {key for step in iter_steps(stages) for key in step["touchpoints"]}
    found = dict(Touchpoint.objects.filter(key__in=wanted).values_list("key", "pk")) if wanted else {}
    unknown: list[FieldError] = [
        {"field": path, "code": "not_found", "message": UNKNOWN_TOUCHPOINT.format(key=key)}
        for path, key in key_paths(stages)
        if key not in found
    ]
    if unknown:
        raise DomainErrors(unknown[:50])
    return found


def write_draft(journey: Journey, stages: list[StageContent]) -> None:
    """Replace all rows of a draft by these stages (with ids), in one insert a kind.

    Rows that keep their id get a higher version, so that nobody's older page can overwrite them unseen.
    Owners who are no colleagues of this organisation are left out.
    """
    ids = touchpoint_ids(stages)
    versions = read_draft(journey).versions
    owners = owners_kept(
        item["owner"] for step in iter_steps(stages) for item in (step, *step["cards"]) if item["owner"]
    )
    Stage.objects.filter(journey=journey).delete()

    def version(identifier: str) -> int:
        return versions.get(identifier, 0) + 1

    stage_rows, step_rows, place_rows, card_rows = [], [], [], []
    for at, stage in enumerate(stages):
        row = Stage(id=stage["id"], journey=journey, name=stage["name"], duration=stage["duration"], position=at)
        row.version = version(stage["id"])
        stage_rows.append(row)
        for step_at, step in enumerate(stage["steps"]):
            step_row = Step(
                id=step["id"],
                stage=row,
                name=step["name"],
                belief=step["belief"],
                moment_of_truth=step["moment_of_truth"],
                evidence=step["evidence"],
                owner_id=owners.get(step["owner"] or ""),
                review_date=day_of(step["review_date"]),
                position=step_at,
                version=version(step["id"]),
            )
            step_rows.append(step_row)
            place_rows += [
                StepTouchpoint(id=uuid7(), step=step_row, touchpoint_id=ids[key], position=place_at)
                for place_at, key in enumerate(step["touchpoints"])
            ]
            in_lane: dict[str, int] = {}
            for card in step["cards"]:
                lane = lane_key(card["lane"])
                in_lane[lane] = in_lane.get(lane, -1) + 1
                card_rows.append(
                    Card(
                        id=card["id"],
                        step=step_row,
                        lane=card["lane"],
                        text=card["text"],
                        evidence=card["evidence"],
                        image=card["image"],
                        owner_id=owners.get(card["owner"] or ""),
                        position=in_lane[lane],
                        version=version(card["id"]),
                    )
                )
    Stage.objects.bulk_create(stage_rows)
    Step.objects.bulk_create(step_rows)
    StepTouchpoint.objects.bulk_create(place_rows)
    Card.objects.bulk_create(card_rows, batch_size=500)
