"""Asking about a map: at once where there is little to count, else from the newest result of a worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.journeys.models import Journey
from apps.journeys.queries import MapView, draft_view, version_view
from apps.paths.computing import compute
from apps.paths.definition import PERMISSION, Definition
from apps.paths.models import PathReport
from apps.paths.reading import count_up_to
from apps.paths.services import is_current, keep_result, request_report
from cxm.actor import Actor
from cxm.errors import DomainError

MOST_AT_ONCE: Final = 300_000
"""Interactions of a window that are counted while somebody waits: about a second."""
MOST_DAYS: Final = 3_650


@dataclass(frozen=True, slots=True)
class Found:
    """An answer: the newest result there is (None while there is none) as of a moment, and who counts a newer one."""

    result: Mapping[str, Any] | None
    as_of: datetime | None
    report: PathReport | None = None
    is_current: bool = True


def map_for(journey: Journey, version: int | None = None) -> MapView:
    """The version asked for, else the published map, else the draft. Raises NotFound. Five queries at most."""
    number = version if version is not None else journey.published_version
    return draft_view(journey) if number is None else version_view(journey, number)


@transaction.atomic
def ask(*, actor: Actor, journey: Journey, kind: str, definition: Definition, keep: bool = False) -> Found:
    """The answer to a question about a map.

    With at most `MOST_AT_ONCE` interactions in its window it is counted now (four queries and one COPY); otherwise a
    worker counts unless its last result is current. With `keep` what was counted at once is kept for the map's board.
    Raises NotAllowed.
    """
    actor.require(PERMISSION)
    if count_up_to(MOST_AT_ONCE + 1, definition.scope) <= MOST_AT_ONCE:
        at = now()
        result = compute(kind, definition)
        if keep and kind == PathReport.Kind.PATHS and not definition.scope.is_filtered:
            keep_result(actor=actor, journey=journey, definition=definition, result=result, as_of=at)
        return Found(result, at)
    report = request_report(actor=actor, journey=journey, kind=kind, definition=definition)
    return Found(report.result, report.as_of, report, is_current(report))


def between(definition: Definition, *, source: str, target: str, days: int) -> Definition:
    """The question how many go from one touchpoint of the map ("": its first) to another ("": its last).

    Raises DomainError naming the field.
    """
    numbers = {place.key: number for number, place in enumerate(definition.places)}
    keys = list(numbers) or [""]
    source, target = source or keys[0], target or keys[-1]
    for name, key in (("source", source), ("target", target)):
        if numbers and key not in numbers:
            raise DomainError(_("Choose a touchpoint of this map that has an event."), field=name)
    if not 1 <= days <= MOST_DAYS:
        raise DomainError(_("Give 1 to %(most)d days.") % {"most": MOST_DAYS}, field="days")
    question = {"source": numbers.get(source, 0), "target": numbers.get(target, 0), "days": days}
    return replace(definition, question=question)
