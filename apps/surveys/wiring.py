"""What this app adds to the shell's registries and to those of the apps below."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.customers.holders import TableHolder, register_holder
from apps.customers.profile_page import register_profile_figures
from apps.customers.retention import register_life_sign, register_retention
from apps.customers.timeline import register_source
from apps.surveys.asked import asked_at_touchpoints
from apps.surveys.holding import (
    answered_since,
    count_aged_people,
    count_aged_words,
    forget_person_and_words,
    purge_aged_people,
    purge_aged_words,
    represent_answer,
)
from apps.surveys.ingest import API_PATTERN, PAGE_PATTERN, answer_api, answer_page
from apps.surveys.models import Response
from apps.surveys.timeline import answer_figures, answer_items, search_surveys, uses_by_surveys
from apps.touchpoints.registry import register_asked, register_uses
from cxm.ingest import register_fast_route
from cxm.web.navigation import NavItem, register_nav
from cxm.web.palette import register_command, register_searcher

register_profile_figures("answers", 20, "feedback.view", answer_figures)
register_source("feedback", label=_("Answers"), permission="feedback.view", fetch=answer_items)
register_asked(asked_at_touchpoints)
register_uses("surveys", title=_("Surveys"), permission="surveys.view", source=uses_by_surveys, keeps=True)
register_nav(
    NavItem(
        group="measure",
        label=_("Surveys"),
        icon="forms",
        url_name="surveys:list",
        permission="surveys.view",
        order=30,
        shortcut="s",
    )
)
register_command(label=_("New survey"), icon="plus", url_name="surveys:create", permission="surveys.edit")
register_searcher("surveys", permission="surveys.view", search=search_surveys)
register_fast_route("api/v1/surveys/(id)/responses/", API_PATTERN, answer_api)
register_fast_route("r/<str:token>/", PAGE_PATTERN, answer_page)
register_holder(
    TableHolder(
        "responses",
        Response,
        label=_("Answers"),
        represent=represent_answer,
        on_erase=forget_person_and_words,
        order=("occurred_at", "pk"),
    )
)
register_retention(
    "comments",
    label=_("What was written in answers"),
    effect=_("Comments and attributes are removed; scores and choices stay."),
    count=count_aged_words,
    purge=purge_aged_words,
)
register_retention(
    "answers",
    label=_("Who answered"),
    effect=_("Answers stay and count, without the customer."),
    count=count_aged_people,
    purge=purge_aged_people,
)
register_life_sign("answers", answered_since)
