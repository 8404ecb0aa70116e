"""Past results that came as counts of scores by month, without their answers: "imported totals".

They are rows of the score histograms, filed under the first day of their month and marked, so that they add to every
score that histograms answer, and to nothing else: no list of answers, no filter on people or attributes, no window that
cuts their month. Folding leaves them alone (docs/adr/0108).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.metrics.models import ScoreHistogram
from apps.metrics.statistics.histogram import lowest_score
from apps.surveys.models import Survey
from cxm.actor import Actor
from cxm.errors import DomainError

MOST = 10_000_000
"""Answers that one score of one month may have."""


@dataclass(frozen=True, slots=True)
class MeasuredQuestion:
    """The question whose scores a survey's totals count."""

    id: str
    metric: str
    scale: int

    @property
    def scores(self) -> range:
        """The scores it can be answered with."""
        lowest = lowest_score(self.scale)
        return range(lowest, lowest + self.scale)


@dataclass(frozen=True, slots=True)
class StoredTotal:
    """A total as it stands now, what stood in its place before (None: nothing), and whether its counts differ."""

    id: UUID
    former: dict[str, Any] | None
    is_changed: bool = True


@transaction.atomic
def record_total(
    *,
    actor: Actor,
    survey: Survey,
    question: MeasuredQuestion,
    month: date,
    counts: Mapping[int, int],
    touchpoint_id: UUID | None = None,
    channel: str = "other",
    import_id: UUID | None = None,
) -> StoredTotal:
    """Keep the counts of a month; those that an earlier import brought for the same month are replaced.

    Args:
        month: any day of it.
        counts: score -> number of answers, 0..10,000,000; scores left out count 0.

    Raises NotAllowed, and DomainError for an anonymous survey, a score off the scale, or no answer at all.
    """
    actor.require("imports.run")
    if survey.anonymous:
        message = _(
            "This survey is anonymous: its answers are shown in groups that nothing can be subtracted from, and"
            " totals by month would break them."
        )
        raise DomainError(message, field="survey", code="anonymous")
    columns = {f"c{score}": 0 for score in range(11)}
    for score, count in counts.items():
        if score not in question.scores:
            message = _("Scores of this survey go from %(low)d to %(high)d.")
            limits = {"low": question.scores[0], "high": question.scores[-1]}
            raise DomainError(message % limits, field=f"score.{score}", code="off_scale")
        if not 0 <= count <= MOST:
            raise DomainError(_("A count is a whole number from 0 to 10,000,000."), field=f"score.{score}")
        columns[f"c{score}"] = count
    if not any(columns.values()):
        raise DomainError(_("There is no answer in this month."), field="score", code="empty")
    place = {
        "survey_id": survey.pk,
        "question": question.id,
        "scale": question.scale,
        "touchpoint_id": touchpoint_id,
        "channel": channel,
        "unit_id": None,
        "day": month.replace(day=1),
        "is_imported": True,
    }
    row = ScoreHistogram.objects.select_for_update().filter(**_where(place)).first()
    if row is None:
        row = ScoreHistogram.objects.create(**place, metric=question.metric, import_id=import_id, **columns)
        return StoredTotal(row.pk, None)
    former: dict[str, Any] = {name: getattr(row, name) for name in columns}
    is_changed = former != columns
    former["import_id"] = str(row.import_id) if row.import_id else None
    ScoreHistogram.objects.filter(pk=row.pk).update(import_id=import_id, metric=question.metric, **columns)
    return StoredTotal(row.pk, former, is_changed)


def _where(place: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{name}__isnull" if value is None else name: value is None or value for name, value in place.items()}


@transaction.atomic
def take_back_total(*, actor: Actor, total_id: UUID, import_id: UUID, former: Mapping[str, Any] | None) -> bool:
    """Undo one :func:`record_total`; False when another import has replaced the total since, and nothing was done."""
    actor.require("imports.run")
    rows = ScoreHistogram.objects.filter(pk=total_id, is_imported=True, import_id=import_id)
    if former is None:
        return bool(rows.delete()[0])
    return bool(rows.update(**former))


def totals_of(import_id: UUID) -> int:
    """How many totals of this import stand."""
    return ScoreHistogram.objects.filter(is_imported=True, import_id=import_id).count()
