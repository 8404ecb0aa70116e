"""Reading the touchpoint library."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _

from apps.touchpoints import registry
from apps.touchpoints.models import Touchpoint, TouchpointBackstage, TouchpointName
from apps.touchpoints.periods import with_usual_period
from cxm.actor import Actor
from cxm.errors import NotFound
from cxm.ids import parse_uuid

ENOUGH = 30
"""Answers from which a touchpoint counts as measured."""
LACKS = ("owner", "event", "survey", "promise", "backstage", "measured")


@dataclass(frozen=True)
class Known:
    """What is known of one touchpoint. `measured`: a score of the last 90 days rests on 30 answers or more; None for
    those who may not see scores. `survey` is None for those who may not see surveys."""

    owner: bool
    event: bool
    survey: bool | None
    promise: bool
    backstage: bool
    measured: bool | None

    def lacks(self, what: str) -> bool:
        return getattr(self, what) is False


@dataclass(frozen=True)
class Coverage:
    """How many touchpoints there are, and how many have each of `LACKS`; None for what the actor may not see."""

    touchpoints: int
    owner: int
    event: int
    survey: int | None
    promise: int
    backstage: int
    measured: int | None

    def as_json(self) -> dict[str, int | None]:
        """The shape of the API."""
        return {"touchpoints": self.touchpoints, **{name: getattr(self, name) for name in LACKS}}


def touchpoints() -> QuerySet[Touchpoint]:
    """The whole library, archived ones too, with the owner unit in the same query."""
    return Touchpoint.objects.select_related("owner_unit")


def touchpoint_for(key_or_id: object) -> Touchpoint:
    """One touchpoint by key, else by id. Raises NotFound. One query."""
    found = touchpoints().filter(named(str(key_or_id)))
    rows = sorted(found[:2], key=lambda row: row.key != str(key_or_id))
    if not rows:
        raise NotFound
    return rows[0]


def named(key_or_id: str) -> Q:
    """The condition for a key, or for an id when the text is one."""
    if "\x00" in key_or_id:
        return Q(pk__in=[])
    identifier = parse_uuid(key_or_id)
    return Q(key=key_or_id) | Q(pk=identifier) if identifier else Q(key=key_or_id)


def touchpoint_by_key_or_name(text: str) -> Touchpoint | None:
    """What a file may mean by this text: the key, else the name in any case. Two queries at most."""
    if not text or "\x00" in text:
        return None
    by_key = touchpoints().filter(key=text).first()
    return by_key or touchpoints().filter(name__iexact=text.strip()).order_by("archived_at", "created_at").first()


def matching(rows: QuerySet[Touchpoint], text: str) -> QuerySet[Touchpoint]:
    """Touchpoints whose name, a former name or the key holds the text, in any case."""
    text = text.replace("\x00", "")
    former = TouchpointName.objects.filter(touchpoint=OuterRef("pk"), name__icontains=text)
    return rows.filter(Q(name__icontains=text) | Q(key__icontains=text) | Exists(former))


def former_names(touchpoint_ids: Collection[UUID]) -> dict[UUID, list[TouchpointName]]:
    """The names touchpoints had, newest first; those that were never renamed are missing. One query."""
    found: dict[UUID, list[TouchpointName]] = {}
    for row in TouchpointName.objects.filter(touchpoint__in=touchpoint_ids).order_by("-until", "-pk"):
        found.setdefault(row.touchpoint_id, []).append(row)
    return found


def known_of(*, actor: Actor, organization: Any, rows: Collection[Touchpoint], scores: Any = None) -> dict[UUID, Known]:
    """What is known of each of these touchpoints. Two queries, and those of the scores unless they are given."""
    ids = [row.pk for row in rows]
    may_measure = actor.can("metrics.view")
    if scores is None:
        scores = registry.scores_of(actor=actor, organization=organization, params=with_usual_period(QueryDict()))
    asked = surveyed(actor, ids)
    behind = set(TouchpointBackstage.objects.filter(touchpoint__in=ids).values_list("touchpoint", flat=True))
    return {
        row.pk: Known(
            owner=row.owner_unit_id is not None,
            event=row.event_match is not None,
            survey=None if asked is None else row.pk in asked,
            promise=row.promise is not None,
            backstage=row.pk in behind,
            measured=any(metric.n >= ENOUGH for metric in scores.get(row.pk, {}).values()) if may_measure else None,
        )
        for row in rows
    }


def coverage_of(known: Collection[Known]) -> Coverage:
    """Counts over what is known of each touchpoint."""

    def having(name: str) -> int | None:
        values = [getattr(one, name) for one in known]
        return None if None in values else sum(values)

    return Coverage(
        len(known),
        having("owner") or 0,
        having("event") or 0,
        having("survey"),
        having("promise") or 0,
        having("backstage") or 0,
        having("measured"),
    )


def coverage_lines(coverage: Coverage) -> list[dict[str, Any]]:
    """Every share of the coverage in words, with the filter that lists what lacks it."""
    words = {
        "owner": _("have an owner"),
        "event": _("are matched by an event"),
        "survey": _("have a survey"),
        "measured": _("were measured by 30 answers or more in 90 days"),
        "promise": _("make a promise"),
        "backstage": _("name a process, system or team"),
    }
    return [
        {"name": name, "n": n, "all": coverage.touchpoints, "words": text, "missing": coverage.touchpoints - n}
        for name, text in words.items()
        if coverage.touchpoints and (n := getattr(coverage, name)) is not None
    ]


def surveyed(actor: Actor, touchpoint_ids: Collection[UUID]) -> set[UUID] | None:
    """Those that a survey is bound to; None for an actor who may not see surveys. One query."""
    kind = registry.USES.get("surveys")
    if kind is None or not actor.can(kind.permission):
        return None
    return {pk for pk, uses in kind.source(actor=actor, touchpoint_ids=touchpoint_ids).items() if uses}


def placed_on_maps(actor: Actor, touchpoint_ids: Collection[UUID]) -> list[registry.Use]:
    """The maps that any of these touchpoints stands on, each once, by name. One query."""
    kind = registry.USES.get("maps")
    if kind is None or not actor.can(kind.permission):
        return []
    found = kind.source(actor=actor, touchpoint_ids=touchpoint_ids).values()
    maps = {str(use.object_id): use for uses in found for use in uses}
    return sorted(maps.values(), key=lambda use: (use.label.lower(), str(use.object_id)))


def on_map(actor: Actor, touchpoint_ids: Collection[UUID], map_id: UUID) -> set[UUID]:
    """Those of the touchpoints that stand on a map the actor may see. One query."""
    kind = registry.USES.get("maps")
    if kind is None or not actor.can(kind.permission):
        return set()
    found = kind.source(actor=actor, touchpoint_ids=touchpoint_ids)
    return {pk for pk, uses in found.items() if any(str(use.object_id) == str(map_id) for use in uses)}
