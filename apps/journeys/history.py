"""The versions of a map: what each changed, why, and how its map scored while it was in force."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.http import QueryDict
from django.utils.translation import gettext as _

from apps.journeys.content import MapContent, complete, iter_steps, touchpoint_keys
from apps.journeys.differences import Difference, Names, changed_touchpoints, differences
from apps.journeys.models import Journey, JourneyVersion
from apps.journeys.people import named
from apps.journeys.queries import MapView, within
from apps.metrics.counting import SurveyFacts, surveys_for
from apps.metrics.filters import read_selection
from apps.metrics.queries import score
from apps.metrics.selection import Selection
from apps.metrics.statistics import Metric
from apps.personas.models import Persona
from apps.touchpoints.models import Touchpoint
from cxm.actor import Actor
from cxm.errors import DomainError


@dataclass(frozen=True)
class VersionInHistory:
    """A version, what it changed against the one before, and which touchpoints' scores start anew with it.

    `score` is that of all its touchpoints together while it was in force, by the metric of the map; None for those who
    may not see scores, and where the answers are on several scales.
    """

    version: JourneyVersion
    differences: list[Difference]
    changed: list[str]
    score: Metric | None
    metric: str

    @property
    def substantive(self) -> list[Difference]:
        return [found for found in self.differences if not found.cosmetic]

    @property
    def cosmetic(self) -> list[Difference]:
        return [found for found in self.differences if found.cosmetic]


def versions_of(journey: Journey) -> Any:
    """The versions of a map, newest first."""
    return JourneyVersion.objects.filter(journey=journey).select_related("published_by").order_by("-number")


def history(
    *, actor: Actor, organization: Any, journey: Journey, rows: Sequence[JourneyVersion]
) -> list[VersionInHistory]:
    """These versions (newest first) with what each changed against the one before it, and its map's score.

    Five queries, and for those who may see scores two more and one a version: each has a time of its own.
    """
    if not rows:
        return []
    before = JourneyVersion.objects.filter(journey=journey, number=rows[-1].number - 1).first()
    contents = {row.number: complete(row.content) for row in [*rows, *([before] if before else [])]}
    names = names_in(contents.values())
    selection, facts = _scoring(actor, organization)
    found = []
    for row in rows:
        content, older = contents[row.number], contents.get(row.number - 1)
        found.append(
            VersionInHistory(
                row,
                differences(older, content, names) if older else [],
                sorted(names.touchpoint(key) for key in changed_touchpoints(older, content)) if older else [],
                map_score(selection, facts, row, content["metric"]) if selection else None,
                content["metric"],
            )
        )
    return found


def _scoring(actor: Actor, organization: Any) -> tuple[Selection | None, list[SurveyFacts]]:
    if not actor.can("metrics.view"):
        return None, []
    selection = read_selection(QueryDict(), actor=actor, organization=organization)
    return selection, surveys_for(selection, "any")


def map_score(
    selection: Selection, surveys: Sequence[SurveyFacts], version: JourneyVersion, metric: str
) -> Metric | None:
    """The score of all touchpoints of a version while it was in force; None on several scales. One query."""
    touchpoints = frozenset(UUID(pk) for pk in version.touchpoint_ids.values())
    selection = within(replace(selection, touchpoints=touchpoints), version.in_force_from, version.in_force_to)
    try:
        return score(selection, metric, surveys=surveys).metric
    except DomainError:
        return None


def unpublished(view: MapView) -> list[Difference]:
    """What the draft changes against the published version; empty when nothing was published. Four queries."""
    published = JourneyVersion.objects.filter(journey=view.journey, number=view.journey.published_version or 0).first()
    if published is None:
        return []
    before = complete(published.content)
    return differences(before, view.content, names_in([before, view.content]))


def names_in(contents: Iterable[MapContent]) -> Names:
    """What readers call the touchpoints, owners and personas of these contents. Three queries at most."""
    contents = list(contents)
    keys = {key for content in contents for key in touchpoint_keys(content)}
    steps = [step for content in contents for step in iter_steps(content["stages"])]
    people = {step["owner"] for step in steps} | {card["owner"] for step in steps for card in step["cards"]}
    personas = {content["persona"] for content in contents if content["persona"]}
    rows = Persona.objects.filter(pk__in=personas).values_list("pk", "name") if personas else []
    return Names(
        touchpoints=dict(Touchpoint.objects.filter(key__in=keys).values_list("key", "name")) if keys else {},
        people={pk: person.name for pk, person in named(people).items()},
        personas={str(pk): _("persona “%(name)s”") % {"name": name} for pk, name in rows},
    )
