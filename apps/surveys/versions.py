"""The published versions of a survey: who published what and when, and what differs between any two."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Count
from django.utils.translation import gettext as _

from apps.surveys.breaks import Change, changes_between
from apps.surveys.definition import Definition, parse_definition
from apps.surveys.differences import Difference, differences
from apps.surveys.models import Response, Survey, SurveyVersion
from cxm.errors import DomainError

DRAFT: Final = "draft"


@dataclass(frozen=True, slots=True)
class Version:
    """One version: what it changed of the one before, and which lines of scores break with it.

    The draft has neither number nor date; it is there while it differs from the published version.
    """

    number: int | None
    published_at: datetime | None
    published_by: str
    answers: int
    changes: list[Difference]
    breaks: list[Change]

    @property
    def key(self) -> str:
        """What addresses call it: its number, or `draft`."""
        return str(self.number) if self.number else DRAFT


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs from one version to another, by their keys."""

    before: str
    after: str
    changes: list[Difference]


class Versions:
    """All versions of a survey, the newest first, the draft before them where it differs. Three queries."""

    def __init__(self, survey: Survey) -> None:
        rows = list(SurveyVersion.objects.filter(survey=survey).select_related("published_by").order_by("number"))
        counted = Response.objects.filter(survey=survey, state=Response.State.SUBMITTED).order_by()
        answers = dict(counted.values_list("version").annotate(n=Count("pk")))
        self.definitions: dict[str, Definition] = {str(row.number): parse_definition(row.definition) for row in rows}
        draft = parse_definition(survey.definition)
        latest = self.definitions.get(str(survey.current_version))
        found: list[Version] = []
        before: Definition | None = None
        for row in rows:
            definition = self.definitions[str(row.number)]
            found.append(
                Version(
                    row.number,
                    row.published_at,
                    row.published_by.name if row.published_by else "",
                    answers.get(row.number, 0),
                    differences(before, definition) if before else [],
                    changes_between(before, definition) if before else [],
                )
            )
            before = definition
        if latest and latest.to_json() != draft.to_json():
            self.definitions[DRAFT] = draft
            found.append(Version(None, None, "", 0, differences(latest, draft), changes_between(latest, draft)))
        self.all = found[::-1]

    def compare(self, before: str, after: str) -> Comparison | None:
        """What differs between the versions asked for; without any, between the two newest. None for fewer than two.

        Raises DomainError (`before`, `after`) for a version that there is not.
        """
        keys = [version.key for version in self.all]
        for field, key in (("before", before), ("after", after)):
            if key and key not in keys:
                raise DomainError(
                    _("There is no such version: %(key)s.") % {"key": key[:20]}, field=field, code="not_found"
                )
        if not before and not after and len(keys) < 2:
            return None
        after = after or keys[0]
        place = keys.index(after)
        before = before or (keys[place + 1] if place + 1 < len(keys) else after)
        return Comparison(before, after, differences(self.definitions[before], self.definitions[after]))
