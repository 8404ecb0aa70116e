"""Telling people what became of their ideas."""

from __future__ import annotations

from typing import Any
from uuid import uuid5

from django.utils import translation
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.dispatch.notices import send_notice
from apps.ideas.models import Idea
from apps.organizations.models import Organization
from apps.outbox.registry import handles
from cxm.scope import current_tenant_id
from cxm.web.urls import org_url


@handles("ideas.status_changed", name="ideas.tell_author")
def tell_author(payload: dict[str, Any]) -> None:
    """Write to the author that the idea has another status, with the official answer.

    Nobody is written to about an idea without a name: nobody knows whose it is.
    """
    idea = Idea.objects.select_related("author", "merged_into").filter(pk=payload["idea"]).first()
    if idea is None or idea.author is None:
        return
    with translation.override(idea.author.language):
        _tell(idea, idea.author)


def _tell(idea: Idea, author: User) -> None:
    organization = Organization.objects.get(pk=current_tenant_id())
    if idea.merged_into is not None:
        line = _("Your idea “%(title)s” was merged with “%(other)s”. Its votes count there.") % {
            "title": idea.title,
            "other": idea.merged_into.title,
        }
    else:
        line = _("Your idea “%(title)s” has a new status: %(status)s.") % {
            "title": idea.title,
            "status": idea.get_status_display(),
        }
    send_notice(
        recipient=author,
        identity=uuid5(idea.pk, f"{idea.status} {idea.answered_at}"),
        subject=_("Your idea: %(status)s") % {"status": idea.get_status_display()},
        lines=[line],
        quote=idea.official_answer,
        button=_("Open the idea"),
        url=org_url(organization, "ideas:detail", pk=idea.pk),
        note=_("You get this because you proposed it."),
    )
