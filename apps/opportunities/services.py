"""Every write of opportunities: write, change, weigh, move on the roadmap, link evidence, remove."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.comments.services import forget_comments
from apps.ideas.models import Idea
from apps.insights.models import Insight
from apps.insights.places import Place, Ref, resolve
from apps.insights.queries import insights as readable_insights
from apps.interactions.touches import member
from apps.journeys.models import Journey
from apps.opportunities.models import SCORES, Opportunity, OpportunityIdea, OpportunityInsight
from apps.outbox.services import emit
from apps.personas.models import Persona
from apps.touchpoints.models import Touchpoint
from cxm.actor import Actor
from cxm.errors import DomainError, NotFound, read_fields
from cxm.ids import parse_uuid
from cxm.reading import choice_reader, read_day, read_whole, text_reader
from cxm.scope import current_tenant_id

LONGEST_TITLE: Final = 200
LONGEST_TEXT: Final = 10_000
LONGEST_PAIN: Final = 1_000
MOST_LINKS: Final = 500
GAP: Final = 1024.0
"""Between the ranks of two neighbours when ranks are given anew."""
CLOSED: Final = (Opportunity.Status.DONE, Opportunity.Status.DROPPED)
COLUMNS: Final = ("status", "horizon")
_DAYS = (date(2000, 1, 1), date(2199, 12, 31))

Unset: Any = object()


@dataclass(frozen=True, slots=True)
class Moved:
    """What a move did: the column it was in before, and after which opportunity it stood there (None = first)."""

    opportunity: Opportunity
    status: str
    horizon: str
    after: UUID | None


@transaction.atomic
def create_opportunity(*, actor: Actor, **values: Any) -> Opportunity:
    """Write an opportunity down; a title is enough. It comes last. Emits `opportunities.opportunity_added`.

    `values` are those of :data:`READERS`, `journey` with `step` or `card` (ids: from a card its step is taken over, and
    its text as `pain_point` where none is given), and `insights` and `ideas` (ids). Raises DomainErrors naming fields.
    """
    actor.require("opportunities.edit")
    fields, evidence = _read(actor, {"title": "", **values}, None)
    _lock_ranks()
    last = Opportunity.objects.order_by("-rank").values_list("rank", flat=True).first()
    row = Opportunity.objects.create(created_by_id=actor.user_id, rank=GAP if last is None else last + GAP, **fields)
    _set_evidence(row, evidence)
    record(actor=actor, action="opportunities.added", target=row)
    emit("opportunities.opportunity_added", {"opportunity": str(row.pk)})
    return row


@transaction.atomic
def update_opportunity(*, actor: Actor, opportunity: Opportunity, **values: Any) -> Opportunity:
    """Change the fields given, as `create_opportunity` takes them; lists of evidence replace those that were.

    Emits `opportunities.opportunity_changed` with the names of the fields when one differs. Raises as create does.
    """
    actor.require("opportunities.edit")
    row = _locked(opportunity.pk)
    fields, evidence = _read(actor, values, row)
    changed = [name for name, value in fields.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, fields[name])
    changed += _set_evidence(row, evidence)
    if changed:
        row.save()
        record(actor=actor, action="opportunities.changed", target=row, fields=changed)
        emit("opportunities.opportunity_changed", {"opportunity": str(row.pk), "fields": changed})
    return row


@transaction.atomic
def delete_opportunity(*, actor: Actor, opportunity: Opportunity) -> None:
    """Remove an opportunity; its insights and ideas stay. Emits `opportunities.opportunity_deleted`."""
    actor.require("opportunities.edit")
    row = _locked(opportunity.pk)
    record(actor=actor, action="opportunities.deleted", target=row)
    emit("opportunities.opportunity_deleted", {"opportunity": str(row.pk)})
    forget_comments(kind="opportunity", object_id=row.pk)
    row.delete()


@transaction.atomic
def move_opportunity(
    *,
    actor: Actor,
    opportunity: Opportunity,
    status: Any = None,
    horizon: Any = None,
    position: Any = None,
    after: Any = Unset,
) -> Moved:
    """Move an opportunity to a column of the roadmap, or within its own, and say where it was.

    `status` or `horizon` names the column (both: that of the status; neither: the status it has). In a column of
    horizons only what is neither done nor dropped counts. `position` is the place in the column from 0, `after` the id
    of the opportunity it shall follow ("" or None = first); without either it comes last.

    One rank orders all boards: what is between two neighbours here stays between them elsewhere. Whoever else moves
    something now waits for this transaction. Emits `opportunities.opportunity_moved`. Raises DomainErrors naming
    `status`, `horizon`, `position` or `after`.
    """
    actor.require("opportunities.edit")
    given = {"status": status, "horizon": horizon}
    fields = read_fields(READERS, {name: value for name, value in given.items() if value is not None})
    place = None if position is None else read_whole("position", position, 0, 1_000_000)
    _lock_ranks()
    row = _locked(opportunity.pk)
    board = "horizon" if "horizon" in fields and "status" not in fields else "status"
    old = _column(board, getattr(row, board))
    before = _preceding(old, row)
    moved = Moved(row, row.status, row.horizon, before)
    changed = [name for name, value in fields.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, fields[name])
    others = [pair for pair in _column(board, getattr(row, board)) if pair[0] != row.pk]
    index = _index(others, place, after)
    rank = _rank_between(others, index)
    if rank is None:
        _give_ranks_anew()
        others = [pair for pair in _column(board, getattr(row, board)) if pair[0] != row.pk]
        rank = _rank_between(others, index)
    stays = not changed and _preceding([*others[:index], (row.pk, 0.0)], row) == before
    if not stays:
        row.rank = row.rank if rank is None else rank
        row.save(update_fields=[*changed, "rank", "updated_at"])
        record(actor=actor, action="opportunities.moved", target=row, fields=[*changed, "rank"])
        emit("opportunities.opportunity_moved", {"opportunity": str(row.pk), "fields": changed})
    return moved


@transaction.atomic
def link_insight(*, actor: Actor, insight: Insight, opportunities: Collection[UUID]) -> None:
    """Make these, and no others, the opportunities an insight speaks for. Raises DomainError naming `opportunities`."""
    wanted = set(opportunities)
    existing = set(OpportunityInsight.objects.filter(insight=insight).values_list("opportunity_id", flat=True))
    if wanted == existing:
        return
    actor.require("opportunities.edit")
    known = set(Opportunity.objects.filter(pk__in=wanted).values_list("pk", flat=True))
    if wanted - known:
        raise DomainError(_("There is no opportunity with this id."), field="opportunities", code="not_found")
    OpportunityInsight.objects.filter(insight=insight, opportunity__in=existing - wanted).delete()
    OpportunityInsight.objects.bulk_create(
        OpportunityInsight(insight=insight, opportunity_id=pk) for pk in sorted(wanted - existing)
    )


# ----------------------------------------------------------------------------------------------------------------------
# Ranks


def _lock_ranks() -> None:
    """Whoever else gives a rank in this organisation waits for this transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtext('opportunities.rank'), hashtext(%s))", [str(current_tenant_id())]
        )


def _column(board: str, value: str) -> list[tuple[UUID, float]]:
    """Ids and ranks of a column, in order. One query."""
    rows = Opportunity.objects.filter(**{board: value})
    if board == "horizon":
        rows = rows.exclude(status__in=CLOSED)
    return list(rows.order_by("rank", "pk").values_list("pk", "rank"))


def _preceding(column: Sequence[tuple[UUID, float]], row: Opportunity) -> UUID | None:
    ids = [pk for pk, _rank in column]
    index = ids.index(row.pk) if row.pk in ids else len(ids)
    return ids[index - 1] if index else None


def _index(others: Sequence[tuple[UUID, float]], position: int | None, after: Any) -> int:
    if position is not None:
        return min(position, len(others))
    if after is Unset:
        return len(others)
    if after in (None, ""):
        return 0
    pk = parse_uuid(after)
    ids = [other for other, _rank in others]
    if pk is None:
        raise DomainError(_("Give the id of an opportunity, or nothing for the first place."), field="after")
    # It was moved away or removed meanwhile: the end of the column is where nobody is in the way.
    return ids.index(pk) + 1 if pk in ids else len(ids)


def _rank_between(others: Sequence[tuple[UUID, float]], index: int) -> float | None:
    """A rank for this place in a column, or None when its neighbours leave no number between them."""
    if not others:
        return GAP
    if index == 0:
        return others[0][1] - GAP
    if index == len(others):
        return others[-1][1] + GAP
    low, high = others[index - 1][1], others[index][1]
    middle = (low + high) / 2
    return middle if low < middle < high else None


def _give_ranks_anew() -> None:
    rows = list(Opportunity.objects.select_for_update().order_by("rank", "pk").only("rank"))
    for number, row in enumerate(rows, start=1):
        row.rank = number * GAP
    Opportunity.objects.bulk_update(rows, ["rank"], batch_size=1_000)


# ----------------------------------------------------------------------------------------------------------------------
# Reading what is given


def _score(name: str) -> Callable[[Any], int | None]:
    return lambda value: None if value is None or value == "" else read_whole(name, value, 1, 5)


def _day(value: object) -> date | None:
    return read_day("due_date", value, *_DAYS)


def _persona(value: object) -> Persona | None:
    return _row(Persona, value, "persona", _("There is no persona with this id."))


def _touchpoint(value: object) -> Touchpoint | None:
    if value is None or value == "" or isinstance(value, Touchpoint):
        return value or None  # type: ignore[return-value]
    fits = isinstance(value, str) and len(value) <= 64 and "\x00" not in value
    found = Touchpoint.objects.filter(key=value).first() if fits else None
    if found is None:
        raise DomainError(_("There is no touchpoint with this key."), field="touchpoint", code="not_found")
    return found


def _row(model: Any, value: object, field: str, message: str) -> Any:
    if value is None or value == "" or isinstance(value, model):
        return value or None
    pk = parse_uuid(value)
    found = model.objects.filter(pk=pk).first() if pk else None
    if found is None:
        raise DomainError(message, field=field, code="not_found")
    return found


READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "title": text_reader("title", LONGEST_TITLE, required=True, line=True),
    "description": text_reader("description", LONGEST_TEXT),
    "pain_point": text_reader("pain_point", LONGEST_PAIN),
    "touchpoint": _touchpoint,
    "persona": _persona,
    "status": choice_reader("status", Opportunity.Status.values),
    "horizon": choice_reader("horizon", Opportunity.Horizon.values),
    "due_date": _day,
    **{name: _score(name) for name in SCORES},
    "owner": lambda value: member(value, field="owner"),
}
"""What can be said of an opportunity by itself, and how it is read."""


def _read(
    actor: Actor, values: Mapping[str, Any], known: Opportunity | None
) -> tuple[dict[str, Any], dict[str, list[UUID]]]:
    """Columns and evidence from what was given. Raises DomainErrors with all that is wrong."""
    evidence: dict[str, list[UUID]] = {}
    places: dict[str, Any] = {}
    ids_known = _evidence_ids(known) if known else {"insights": set(), "ideas": set()}
    fields = read_fields(
        {
            **READERS,
            "place": lambda value: places.update(_place(actor, value, known)),
            "insights": lambda value: evidence.update(insights=_insights(actor, value, ids_known["insights"])),
            "ideas": lambda value: evidence.update(ideas=_ideas(value, ids_known["ideas"])),
        },
        {**values, **_place_given(values)},
    )
    fields = {name: value for name, value in fields.items() if name in READERS} | places
    if places.get("card_id") and not fields.get("pain_point") and "pain_point" not in values:
        fields["pain_point"] = places["text"]
    fields.pop("text", None)
    return fields, evidence


def _place_given(values: Mapping[str, Any]) -> dict[str, Any]:
    names = ("journey", "step", "card")
    return (
        {"place": {name: values[name] for name in names if name in values}} if any(n in values for n in names) else {}
    )


def _place(actor: Actor, given: Mapping[str, Any], known: Opportunity | None) -> dict[str, Any]:
    """The columns of a place on a map; what is not given stays as it is where the map does."""
    before = {"journey": known.journey_id, "step": known.step_id, "card": known.card_id} if known else {}
    merged: dict[str, Any] = {}
    for name in ("journey", "step", "card"):
        value = given.get(name, before.get(name))
        value = value.pk if isinstance(value, Journey) else value
        pk = parse_uuid(value) if value not in (None, "") else None
        if pk is None and value not in (None, ""):
            raise DomainError(_("Nothing has this id."), field=name, code="not_found")
        merged[name] = pk
    if "journey" in given and merged["journey"] != before.get("journey"):
        merged |= {name: None for name in ("step", "card") if name not in given}
    if "step" in given and "card" not in given and merged["step"] != before.get("step"):
        merged["card"] = None
    if merged == {"journey": None, "step": None, "card": None, **before}:
        return {}
    found = _found_place(actor, merged)
    return {
        "journey_id": merged["journey"],
        "step_id": found.step_id if found else None,
        "card_id": merged["card"],
        "text": found.card if found else "",
    }


def _found_place(actor: Actor, wanted: Mapping[str, UUID | None]) -> Place | None:
    """What stands at the place, or None for none. Raises DomainError naming the part that is not there."""
    journey, step, card = wanted["journey"], wanted["step"], wanted["card"]
    if journey is None:
        if step or card:
            raise DomainError(_("Say on which map, by its id."), field="journey", code="required")
        return None
    ref = Ref(journey, card=card) if card else Ref(journey, step=step)
    found = resolve(actor, [ref]).get(ref)
    if found is None:
        on_map = resolve(actor, [Ref(journey)])
        field = ("card" if card else "step") if on_map else "journey"
        raise DomainError(_("Nothing with this id stands on a map that you can see."), field=field, code="not_found")
    return found


def _ids(name: str, value: object) -> list[UUID]:
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise DomainError(_("Give a list of ids."), field=name)
    if len(value) > MOST_LINKS:
        message = _("Has %(n)d entries; at most %(most)d are taken.") % {"n": len(value), "most": MOST_LINKS}
        raise DomainError(message, field=name, code="max_length")
    ids = [parse_uuid(getattr(item, "pk", item)) for item in value]
    for index, pk in enumerate(ids):
        if pk is None:
            raise DomainError(_("This is no id."), field=f"{name}.{index}")
    return [pk for pk in dict.fromkeys(ids) if pk]


def _insights(actor: Actor, value: object, kept: set[UUID]) -> list[UUID]:
    """Ids of insights the actor may read, or that are linked already."""
    ids = _ids("insights", value)
    wanted = set(ids) - kept
    seen = set(readable_insights(actor).filter(pk__in=wanted).values_list("pk", flat=True)) if wanted else set()
    if wanted and not actor.can("insights.view"):
        seen = set()
    return _known("insights", ids, seen | kept, _("There is no insight with this id."))


def _ideas(value: object, kept: set[UUID]) -> list[UUID]:
    ids = _ids("ideas", value)
    wanted = set(ids) - kept
    seen = set(Idea.objects.filter(pk__in=wanted).values_list("pk", flat=True)) if wanted else set()
    return _known("ideas", ids, seen | kept, _("There is no idea with this id."))


def _known(name: str, ids: Sequence[UUID], known: set[UUID], message: str) -> list[UUID]:
    for index, pk in enumerate(ids):
        if pk not in known:
            raise DomainError(message, field=f"{name}.{index}", code="not_found")
    return list(ids)


# ----------------------------------------------------------------------------------------------------------------------
# Evidence


def _evidence_ids(row: Opportunity) -> dict[str, set[UUID]]:
    return {
        "insights": set(OpportunityInsight.objects.filter(opportunity=row).values_list("insight_id", flat=True)),
        "ideas": set(OpportunityIdea.objects.filter(opportunity=row).values_list("idea_id", flat=True)),
    }


def _set_evidence(row: Opportunity, evidence: Mapping[str, Sequence[UUID]]) -> list[str]:
    """Make these the insights and ideas; the kinds that changed."""
    changed = []
    models: dict[str, tuple[Any, str]] = {
        "insights": (OpportunityInsight, "insight_id"),
        "ideas": (OpportunityIdea, "idea_id"),
    }
    for kind, ids in evidence.items():
        model, column = models[kind]
        existing = set(model.objects.filter(opportunity=row).values_list(column, flat=True))
        if existing == set(ids):
            continue
        model.objects.filter(opportunity=row, **{f"{column}__in": existing - set(ids)}).delete()
        new = [pk for pk in ids if pk not in existing]
        model.objects.bulk_create(model(opportunity=row, **{column: pk}) for pk in new)
        changed.append(kind)
    return changed


def _locked(pk: UUID) -> Opportunity:
    row = Opportunity.objects.select_for_update(of=("self",)).filter(pk=pk).first()
    if row is None:
        raise NotFound
    return row
