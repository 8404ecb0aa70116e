"""Taking maps in: all of what was read, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.journeys.access import require_edit
from apps.journeys.content import StageContent, keep_ids, lane_key, read_lane, read_stages
from apps.journeys.drafts import read_draft, write_draft
from apps.journeys.exchange import LANE_FOR_NONE
from apps.journeys.models import Journey
from apps.journeys.people import named
from apps.journeys.services.edits.changes import Change
from apps.journeys.services.edits.keeping import keep
from apps.journeys.services.locking import lock_journey
from apps.journeys.services.maps import create_journey
from apps.journeys.stickies import ReadMap
from apps.personas.models import Persona
from apps.touchpoints.models import Touchpoint
from apps.touchpoints.services import create_touchpoint
from cxm.actor import Actor
from cxm.channels import Channel
from cxm.errors import DomainError
from cxm.ids import parse_uuid
from cxm.scope import current_tenant_id

LEFT_OUT = "-"
"""What a lane is mapped to whose cards are not taken."""


@dataclass(frozen=True)
class Plan:
    """What taking a map in would do: which touchpoints are known, which are not, and where each lane goes.

    ``known`` and ``unknown`` are (key, name) as they were read; ``known`` leads to the touchpoint it is.
    """

    known: Mapping[tuple[str, str], Touchpoint]
    unknown: list[tuple[str, str]]
    lanes: dict[str, str]
    persona: Persona | None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Taken:
    """What was done: the map, how much came onto it, the touchpoints made, and those left out for want of one."""

    journey: Journey
    stages: int
    steps: int
    cards: int
    created: list[Touchpoint]
    left_out: list[str]


def plan_import(read: ReadMap) -> Plan:
    """What is known of what a map names. Three queries; writes nothing."""
    rows = list(Touchpoint.objects.filter(archived_at=None))
    by_key = {row.key: row for row in rows}
    by_name: dict[str, Touchpoint] = {}
    for row in sorted(rows, key=lambda each: each.key):
        by_name.setdefault(row.name.casefold(), row)
    known: dict[tuple[str, str], Touchpoint] = {}
    unknown: list[tuple[str, str]] = []
    for key, name in read.references:
        found = by_key.get(key) or by_name.get(name.casefold())
        if found is None:
            unknown.append((key, name))
        else:
            known[key, name] = found
    persona, notes = _persona(read)
    return Plan(known, unknown, {lane: lane_key(lane) or LANE_FOR_NONE for lane in read.lanes}, persona, notes)


@transaction.atomic
def import_map(
    *,
    actor: Actor,
    read: ReadMap,
    name: str = "",
    journey: Journey | None = None,
    lanes: Mapping[str, str] | None = None,
    create_touchpoints: bool = False,
) -> Taken:
    """Make a map of what was read, or lay it onto the draft of one, which is one change that undo takes back.

    Args:
        name: of a new map; without one that of the file.
        journey: the map to add to; stages and steps of the same name get the new cards, others come last.
        lanes: where the cards of each lane as it was named go; LEFT_OUT leaves them out. Others stay in theirs.
        create_touchpoints: whether unknown touchpoints are added to the library; else they are left off the map.

    Raises DomainErrors naming what is wrong (then nothing was written), NotAllowed.
    """
    if journey is None:
        actor.require("journeys.edit")
    else:
        require_edit(actor, journey)
    if not read.stages:
        raise DomainError(_("There is no stage in it: name the stages in the first row."), field="stages", code="empty")
    plan = plan_import(read)
    created: list[Touchpoint] = []
    known = dict(plan.known)
    if create_touchpoints and plan.unknown:
        for reference in plan.unknown:
            known[reference] = _make(actor, read, reference)
            created.append(known[reference])
    stages = read_stages(_bodies(read, plan, lanes or {}, known))
    if journey is None:
        lanes_given = read.facts.get("lanes", [])
        made = create_journey(
            actor=actor,
            name=name or read.name,
            persona=plan.persona,
            metric=read.facts.get("metric"),
            kind=read.facts.get("kind"),
            lanes=lanes_given,
            stages=stages,
        )
    else:
        made = _add_to(actor, journey, stages)
    return Taken(
        journey=made,
        stages=len(stages),
        steps=sum(len(stage["steps"]) for stage in stages),
        cards=sum(len(step["cards"]) for stage in stages for step in stage["steps"]),
        created=created,
        left_out=[label or key for key, label in plan.unknown] if not create_touchpoints else [],
    )


def _persona(read: ReadMap) -> tuple[Persona | None, list[str]]:
    """The persona a file names: by id, else by its name. At most two queries."""
    given = read.facts.get("persona")
    if not isinstance(given, Mapping):
        return None, []
    pk = parse_uuid(given.get("id"))
    found = Persona.objects.filter(pk=pk, archived_at=None).first() if pk else None
    name = given.get("name")
    if found is None and isinstance(name, str) and name and "\x00" not in name:
        found = Persona.objects.filter(name__iexact=name[:120], archived_at=None).order_by("created_at").first()
    if found is not None:
        return found, []
    return None, [_("There is no persona “%(name)s” here: the map gets none.") % {"name": name or given.get("id")}]


def _make(actor: Actor, read: ReadMap, reference: tuple[str, str]) -> Touchpoint:
    """Add a touchpoint the library lacks, with what the file says of it."""
    key, name = reference
    facts = read.library.get(key, {})
    channel = facts.get("channel")
    match = facts.get("event_match")
    description = facts.get("description")
    # An archived touchpoint keeps its key: the new one then gets one made of its name.
    taken = bool(key) and Touchpoint.objects.filter(key=key).exists()
    return create_touchpoint(
        actor=actor,
        name=name or key,
        key=None if taken else key or None,
        channel=channel if channel in Channel.values else None,
        description=description if isinstance(description, str) else "",
        event_match=match if isinstance(match, dict) else None,
    )


def _bodies(
    read: ReadMap, plan: Plan, lanes: Mapping[str, str], known: Mapping[tuple[str, str], Touchpoint]
) -> list[dict[str, Any]]:
    """The stages as an API body: lanes where they go, touchpoints by key, nobody else's people and pictures."""
    given = [item["owner"] for step in read.steps for item in (step, *step["cards"]) if item.get("owner")]
    colleagues = set(named(given))
    folder = f"{current_tenant_id()}/"

    def owner(item: Mapping[str, Any]) -> str | None:
        return item["owner"] if item.get("owner") in colleagues else None

    def card_of(card: Mapping[str, Any]) -> dict[str, Any] | None:
        lane = lanes.get(card["lane"], "") or (card["lane"] if lane_key(card["lane"]) else LANE_FOR_NONE)
        if lane == LEFT_OUT:
            return None
        image = card.get("image", "")
        return {
            "lane": read_lane(lane, "lanes"),
            "text": card["text"],
            "evidence": card["evidence"],
            "image": image if image.startswith(folder) else "",
            "owner": owner(card),
        }

    def step_of(step: Mapping[str, Any]) -> dict[str, Any]:
        keys = [known[ref["key"], ref["name"]].key for ref in step["touchpoints"] if (ref["key"], ref["name"]) in known]
        return {
            **step,
            "id": "",
            "owner": owner(step),
            "touchpoints": list(dict.fromkeys(keys)),
            "cards": [body for card in step["cards"] if (body := card_of(card)) is not None],
        }

    return [{**stage, "id": "", "steps": [step_of(step) for step in stage["steps"]]} for stage in read.stages]


def _add_to(actor: Actor, journey: Journey, new: list[StageContent]) -> Journey:
    """Lay stages onto a draft as one change."""
    journey = lock_journey(actor, journey)
    before = read_draft(journey).content["stages"]
    after = keep_ids(before, read_stages(_merged(before, new)))
    write_draft(journey, after)
    change = Change("map", str(journey.pk), cast(Any, before), cast(Any, after))
    cards = sum(len(step["cards"]) for stage in new for step in stage["steps"])
    said = ngettext("Added %(count)d card from a file", "Added %(count)d cards from a file", cards) % {"count": cards}
    keep(actor, journey, (change,), said, "journeys.imported")
    return journey


def _merged(before: list[StageContent], new: list[StageContent]) -> list[StageContent]:
    """The old stages with the new ones laid over: names say what is the same, and nothing old goes."""
    stages: list[StageContent] = [{**stage, "steps": list(stage["steps"])} for stage in before]
    by_name = {stage["name"].casefold(): stage for stage in reversed(stages)}
    for stage in new:
        home = by_name.get(stage["name"].casefold())
        if home is None:
            stages.append(stage)
            by_name[stage["name"].casefold()] = stage
            continue
        home["duration"] = home["duration"] or stage["duration"]
        for step in stage["steps"]:
            at = next(
                (n for n, old in enumerate(home["steps"]) if old["name"].casefold() == step["name"].casefold()), None
            )
            if at is None:
                home["steps"].append(step)
                continue
            old = home["steps"][at]
            home["steps"][at] = {
                **old,
                "belief": step["belief"] if old["belief"] is None else old["belief"],
                "moment_of_truth": old["moment_of_truth"] or step["moment_of_truth"],
                "evidence": old["evidence"] or step["evidence"],
                "review_date": old["review_date"] or step["review_date"],
                "touchpoints": list(dict.fromkeys([*old["touchpoints"], *step["touchpoints"]])),
                "cards": [*old["cards"], *step["cards"]],
            }
    return stages
