"""What was asked where a score was measured: whether two scores are answers to one question.

Histograms add, and scores rank, only where the same question was asked on the same scale. A question that names the
touchpoint or the organisation asks the same with either name, so the names are left out before words are compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from uuid import UUID

from apps.metrics.models import ScoreHistogram
from apps.metrics.selection import Selection
from apps.surveys.breaks import changes_between, plain, published_versions
from apps.surveys.definition import Definition, Question

Words = Mapping[str, str]
"""A question by language, without case, spaces, punctuation and the names in it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it was asked at a touchpoint.

    ``changed_at`` is when its words or scale last changed within the windows compared, None when they did not.
    """

    survey_id: UUID
    scale: int
    words: Words
    title: str
    changed_at: datetime | None = None

    def same_question(self, other: Asked) -> bool:
        """Whether answers to both may be added and ranked: one scale, and the same words in every shared language."""
        shared = self.words.keys() & other.words.keys()
        return self.scale == other.scale and all(self.words[code] == other.words[code] for code in shared)


def asked_at_touchpoints(
    selection: Selection, metrics: Collection[str], names: Mapping[UUID, str], organization_name: str
) -> dict[tuple[UUID, str], list[Asked]]:
    """The questions answered at each of the touchpoints in `names`, by touchpoint id and metric.

    Looks at the window of the selection; whether something changed, also at the window before. Three queries at most.
    """
    first, last = selection.days
    earlier = selection.before()
    rows = (
        ScoreHistogram.objects.filter(touchpoint__in=names, metric__in=metrics, day__gte=first, day__lte=last)
        .order_by()
        .values_list("touchpoint_id", "metric", "survey_id", "question", "scale")
        .distinct()
    )
    found = list(rows)
    versions = published_versions({row[2] for row in found}) if found else {}
    since = earlier.days[0] if earlier else first
    asked: dict[tuple[UUID, str], list[Asked]] = defaultdict(list)
    for touchpoint_id, metric, survey_id, question_id, scale in found:
        known = [
            (at.astimezone(selection.zone).date(), at, definition) for at, definition in versions.get(survey_id, ())
        ]
        known = [version for version in known if version[0] <= last]
        question = _newest(question_id, (definition for _day, _at, definition in known))
        if question is None:
            continue
        asked[touchpoint_id, metric].append(
            Asked(
                survey_id=survey_id,
                scale=scale,
                words=_words(question, (names[touchpoint_id], organization_name)),
                title=next(iter(question.title.values()), ""),
                changed_at=_changed(known, question_id, since),
            )
        )
    return dict(asked)


def _newest(question_id: str, definitions: Iterable[Definition]) -> Question | None:
    """The question as the newest of the versions put it."""
    found = [definition.questions[question_id] for definition in definitions if question_id in definition.questions]
    return found[-1] if found else None


def _changed(versions: Sequence[tuple[date, datetime, Definition]], question_id: str, since: date) -> datetime | None:
    """When the question last became another one, on `since` or later."""
    moments = [
        at
        for (_, _, before), (day, at, after) in pairwise(versions)
        if day >= since and any(change.question == question_id for change in changes_between(before, after))
    ]
    return moments[-1] if moments else None


def _words(question: Question, names: Iterable[str]) -> Words:
    bare = sorted(filter(None, map(plain, names)), key=len, reverse=True)
    words = {}
    for language, text in question.title.items():
        said = plain(text)
        for name in bare:
            said = said.replace(name, "")
        words[language] = said
    return words
