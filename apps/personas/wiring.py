"""What this app adds to the shell, and to what can be shared."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as translate
from django.utils.translation import gettext_lazy as _

import apps.personas.sharing  # noqa: F401 - personas can be shared
from apps.comments.registry import register_commentable
from apps.personas.evidence import EvidenceKind, Resolved, register_evidence
from apps.personas.models import Persona
from apps.personas.queries import due, visible
from apps.personas.reviews import Reviewable, register_reviewable
from apps.segments.models import Segment
from apps.segments.registry import register_segment_use
from cxm.actor import Actor
from cxm.queues import Queue, register_queue
from cxm.web.navigation import NavItem, register_nav
from cxm.web.palette import PaletteItem, register_command, register_searcher
from cxm.web.urls import org_url


def search_personas(actor: Actor, organization: Any, text: str, limit: int) -> list[PaletteItem]:
    """Personas whose name holds the text. One query."""
    rows = visible(actor).filter(name__icontains=text, archived_at=None).order_by("name")[:limit]
    return [
        PaletteItem(row.name, org_url(organization, "personas:detail", pk=row.pk), "user-heart", detail=row.tagline)
        for row in rows
    ]


def personas_bound_to(segment_ids: Collection[UUID]) -> Mapping[UUID, list[str]]:
    """The personas whose people these segments hold, archived ones too. One query."""
    found: dict[UUID, list[str]] = {}
    bound = Persona.objects.filter(segment__in=segment_ids).order_by("name")
    for pk, name in bound.values_list("segment_id", "name"):
        found.setdefault(pk, []).append(translate("Persona “%(name)s”") % {"name": name})
    return found


def search_segments(actor: Actor, organization: Any) -> list[tuple[str, str]]:
    """The segments that can be evidence. One query."""
    return [(str(pk), name) for pk, name in Segment.objects.order_by("name").values_list("pk", "name")[:500]]


def segment_figures(actor: Actor, organization: Any, ids: Collection[str]) -> Mapping[str, Resolved]:
    """Segments with how many people are in them now. One query."""
    found = {}
    for row in Segment.objects.filter(pk__in=ids):
        note = "" if row.size is None else translate("%(size)d people") % {"size": row.size}
        found[str(row.pk)] = Resolved(row.name, org_url(organization, "segments:detail", pk=row.pk), note)
    return found


register_evidence(
    EvidenceKind("segment", _("Figure of a segment"), "segments.view", search=search_segments, resolve=segment_figures)
)
register_reviewable(Reviewable("persona", _("Persona"), "users", "personas.view", "personas:detail", due=due))
register_commentable(
    "persona",
    url_name="personas:detail",
    title_of=lambda persona: persona.name,
    permission="personas.view",
    model=Persona,
    rows=visible,
)
register_segment_use("personas", personas_bound_to)
register_nav(
    NavItem(
        group="understand",
        label=_("Personas"),
        icon="users",
        url_name="personas:list",
        permission="personas.view",
        order=20,
        shortcut="p",
    )
)
register_nav(
    NavItem(
        group="understand",
        label=_("Our customer"),
        icon="heart-handshake",
        url_name="personas:our_customer",
        permission="personas.view",
        order=5,
    )
)
register_command(label=_("Reviews due"), icon="calendar-event", url_name="personas:reviews", permission="personas.view")
register_command(
    label=_("Compare two personas"), icon="arrows-diff", url_name="personas:compare", permission="personas.view"
)
register_command(label=_("New persona"), icon="plus", url_name="personas:create", permission="personas.edit")
register_searcher("personas", permission="personas.view", search=search_personas, label=_("Personas"))
register_queue(Queue("personas", "personas_personacheck", due="state = 'watched' AND due_at <= now()", since="due_at"))
