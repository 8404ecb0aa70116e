"""The table of teams made ready to print."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.text import Truncator
from django.utils.translation import gettext

from apps.dashboards.overview import SHORT
from apps.dashboards.survey_results import AnswerLinks
from apps.metrics.results.teams import OwnedTouchpoint, TeamRow, TeamTable
from apps.metrics.statistics import RATING, RULES, Metric

LONGEST_HEAD = 40


@dataclass(frozen=True, slots=True)
class TeamCell:
    """One score, the way to its answers, and whether it differs from the score of all by more than chance."""

    metric: Metric
    url: str
    against: str


@dataclass(frozen=True, slots=True)
class TeamLine:
    """One unit of the table."""

    name: str
    level: int
    cells: list[TeamCell]
    owned: list[OwnedTouchpoint]


def team_columns(table: TeamTable) -> list[tuple[str, str]]:
    """(short name, whole wording) of each column."""
    columns = [
        (
            ("eNPS" if question.question.metric == "nps" else SHORT.get(question.question.metric, ""))
            or Truncator(question.title).chars(LONGEST_HEAD),
            question.title,
        )
        for question in table.questions
    ]
    if table.has_index:
        columns.append((gettext("Enablement index"), gettext("Mean of the ratings, 0 to 100")))
    return columns


def team_line(table: TeamTable, row: TeamRow, links: AnswerLinks) -> TeamLine:
    """A unit, or everybody, ready to print."""
    url = links.to(unit=row.unit.id) if row.unit else links.to()
    return TeamLine(
        name=row.unit.name if row.unit else "",
        level=min(row.level, 5),
        cells=[
            TeamCell(metric, url, _against(metric, whole) if row.unit else "")
            for metric, whole in zip(row.scores, table.whole.scores, strict=True)
        ],
        owned=row.owned,
    )


def _against(metric: Metric, whole: Metric) -> str:
    """ "above" or "below" where the interval of the team excludes the score of all; else nothing can be told."""
    if metric.low is None or metric.high is None or whole.value is None:
        return ""
    rule = RULES.get(metric.rule, RATING)
    if metric.low > whole.value:
        return gettext("above all") if rule.higher_is_better else gettext("above all (worse)")
    if metric.high < whole.value:
        return gettext("below all") if rule.higher_is_better else gettext("below all (better)")
    return ""
