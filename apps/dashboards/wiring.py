"""The dashboard and the feedback list in the sidebar and the palette, and answers as an export."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from apps.dashboards.survey_pages import survey_page
from apps.dashboards.tables import FEEDBACK_COLUMNS, feedback_rows
from apps.metrics.feedback import feedback, read_feedback_filter
from apps.surveys.registry import register_answer_list, register_survey_page
from cxm.actor import Actor
from cxm.exports import ExportKind, Rows, register_export
from cxm.web.navigation import NavItem, register_nav

register_nav(
    NavItem(
        group="measure",
        label=_("Dashboard"),
        icon="layout-dashboard",
        url_name="dashboards:home",
        permission="metrics.view",
        order=10,
        shortcut="d",
        exact=True,
    )
)
register_nav(
    NavItem(
        group="measure",
        label=_("Feedback"),
        icon="messages",
        url_name="dashboards:feedback",
        permission="feedback.view",
        order=20,
        shortcut="f",
    )
)


def check_answer_filters(actor: Actor, organization: Any, query: QueryDict) -> None:
    """Raise DomainErrors naming the filters of the feedback list that cannot be read."""
    read_feedback_filter(query, actor=actor, organization=organization)


def answer_rows(actor: Actor, organization: Any, query: QueryDict) -> Rows:
    """The answers that the feedback list shows under this query; customers only for those who may see them."""
    found = feedback(read_feedback_filter(query, actor=actor, organization=organization))
    rows = feedback_rows(found.rows, actor=actor)
    next(rows)  # the heading, which the writer of the file knows
    blank = len(FEEDBACK_COLUMNS)
    for row in rows:
        yield [*row, *[""] * (blank - len(row))]


def count_answers(actor: Actor, organization: Any, query: QueryDict) -> int:
    """How many answers the feedback list shows under this query."""
    return feedback(read_feedback_filter(query, actor=actor, organization=organization)).rows.count()


register_export(
    ExportKind(
        name="responses",
        permission="feedback.view",
        columns=FEEDBACK_COLUMNS,
        check=check_answer_filters,
        rows=answer_rows,
        count=count_answers,
    )
)
register_answer_list("dashboards:feedback")
register_survey_page(survey_page)
