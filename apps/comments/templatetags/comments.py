"""A thread on any page, and the bell that counts mentions."""

from __future__ import annotations

from typing import Any

from django import template
from django.template import Context

from apps.comments.queries import unread_count
from apps.comments.threads import anchor_asked, thread_context

register = template.Library()


@register.inclusion_tag("comments/_thread.html", takes_context=True)
def cx_comments(context: Context, kind: str, thing: Any) -> dict[str, Any]:
    """What is said about a thing (a row or its id) that the reader may see, with the forms to answer. Six queries."""
    request = context["request"]
    object_id = getattr(thing, "pk", thing)
    return {
        **thread_context(request, kind, object_id, anchor=anchor_asked(request)),
        "csrf_token": context.get("csrf_token"),
        "csp_nonce": context.get("csp_nonce"),
    }


@register.simple_tag(takes_context=True)
def unread_mentions(context: Context) -> int:
    """How many mentions the reader has not looked at; 0 outside an organisation. One query on an index."""
    actor = getattr(context.get("request"), "actor", None)
    return unread_count(actor) if actor is not None else 0
