"""``{% org_url "surveys:detail" pk=survey.pk %}``: a page of the organisation that the request is for."""

from __future__ import annotations

from typing import Any

from django import template

from cxm.web.urls import org_url as _org_url

register = template.Library()


@register.simple_tag(takes_context=True)
def org_url(context: template.Context, name: str, **kwargs: Any) -> str:
    """The path of a page of the request's organisation; arguments by keyword only."""
    return _org_url(context["request"].organization, name, **kwargs)
