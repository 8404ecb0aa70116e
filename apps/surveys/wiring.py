"""What this app adds to the shell's registries and to those of the apps below."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.customers.timeline import register_source
from apps.surveys.ingest import API_PATTERN, PAGE_PATTERN, answer_api, answer_page
from apps.surveys.timeline import answer_items, search_surveys, uses_by_surveys
from apps.touchpoints.registry import register_uses
from cxm.ingest import register_fast_route
from cxm.web.navigation import NavItem, register_nav
from cxm.web.palette import register_command, register_searcher

register_source("feedback", label=_("Answers"), permission="feedback.view", fetch=answer_items)
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
